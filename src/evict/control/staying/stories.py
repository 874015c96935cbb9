# SPDX-License-Identifier: Apache-2.0
"""What is told of cases: done, overdue and no longer, opened again and closed again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evict.control.cases.case import Case
from evict.control.notices.news import News, NewsKind, Tell
from evict.control.progress import CaseReport
from evict.control.staying.at_rest import Rest, overdue
from evict.core.account import Account
from evict.core.measure import EffectKind
from evict.core.verdict import Judgement, Verdict
from evict.evidence.statement import Reopened


class Stories:
    """Says each thing in words for people: names, doors and verdicts; no secret is in any."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def ended(
        self, case: Case, report: CaseReport, rest: Rest, before: Rest | None, *, mine: bool
    ) -> None:
        """A case has a report. One that nobody ordered (`mine`) is told where it changes much."""
        key = _overdue_key(report.account, report.generation)
        if rest.overdue:
            late = overdue(case, report.doors, rest.at)
            self._tell(
                News(
                    kind=NewsKind.OVERDUE,
                    key=key,
                    subject=_late_subject(report.label, rest),
                    lines=(*_doors(late), *report.failures, *_evidence(report)),
                    account=report.account,
                )
            )
        elif before is not None and before.overdue and before.generation == rest.generation:
            self._tell(
                News(
                    kind=NewsKind.DONE,
                    key=key,
                    subject=f"{report.label}: every door that can be proven is shut by now",
                    lines=(*_doors(report.doors), *_evidence(report)),
                    account=report.account,
                )
            )
            return
        if not mine:
            self._tell(
                News(
                    kind=NewsKind.DONE,
                    key=f"case/{report.account}/{report.generation}/{case.entry.body.seq}",
                    subject=f"{report.label}: {_word(report.verdict)}",
                    lines=(*_doors(report.doors), *report.failures, *_evidence(report)),
                    account=report.account,
                )
            )

    def still_overdue(self, account: Account, rest: Rest) -> None:
        """Told once and then once a day, as every trouble that lasts."""
        self._tell(
            News(
                kind=NewsKind.OVERDUE,
                key=_overdue_key(account.id, rest.generation),
                subject=_late_subject(account.upn, rest),
                lines=tuple(rest.overdue),
                account=account.id,
            )
        )

    def reinstated(self, rest: Rest) -> None:
        """What was open past its promise may be open now."""
        if rest.overdue:
            self._tell(
                News(
                    kind=NewsKind.DONE,
                    key=_overdue_key(rest.account.id, rest.generation),
                    subject=f"{rest.account.upn}: reinstated, so nothing is overdue any more",
                    account=rest.account.id,
                )
            )

    def reopened(
        self,
        account: Account,
        what: Sequence[Reopened],
        report: CaseReport | None,
        *,
        minutes: int,
    ) -> None:
        """Something was open again; nothing is told where every measure found nothing to do.

        Args:
            minutes: whatever opens again within so long is the same news.
        """
        effects = {} if report is None else {e.measure: e.kind for e in report.effects}
        if all(effects.get(one.what) is EffectKind.UNCHANGED for one in what):
            return
        closed = report is not None and report.verdict in (Judgement.SHUT, Judgement.BOUNDED)
        end = "closed again" if closed else "not shut again yet"
        last = "stopped before the end: it goes on" if report is None else _word(report.verdict)
        seen = tuple(f"{o.seen_at:%Y-%m-%d %H:%M:%S} UTC {o.what}: {o.why}" for o in what)
        told = () if report is None else (*report.failures, *_evidence(report))
        self._tell(
            News(
                kind=NewsKind.REOPENED,
                key=f"reopened/{account.id}",
                subject=f"{account.upn}: {end}",
                lines=(*seen, f"now: {last}", *told),
                account=account.id,
                lasts_minutes=minutes,
            )
        )


def _overdue_key(account: str, generation: int) -> str:
    return f"overdue/{account}/{generation}"


def _late_subject(label: str, rest: Rest) -> str:
    doors = len(rest.overdue)
    return f"{label}: {doors} {'door is' if doors == 1 else 'doors are'} open past the promise"


def _word(verdict: Judgement) -> str:
    match verdict:
        case Judgement.SHUT:
            return "every door that can be proven is shut"
        case Judgement.BOUNDED:
            return "shut, or ends by itself at a known time"
        case Judgement.OPEN:
            return "a door is still open"
        case _:
            return "not every door could be proven shut"


def _doors(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    return tuple(_door(verdict) for verdict in verdicts if verdict.nature.provable)


def _door(verdict: Verdict) -> str:
    until = f" until {verdict.until:%Y-%m-%d %H:%M} UTC" if verdict.until else ""
    why = f" ({verdict.why})" if verdict.why and verdict.judgement is not Judgement.SHUT else ""
    return f"{verdict.door.name}: {verdict.judgement}{until}{why}"


def _evidence(report: CaseReport) -> tuple[str, ...]:
    return (f"evidence: {report.evidence}",) if report.evidence else ()
