# SPDX-License-Identifier: Apache-2.0
"""Nothing is held in silence: who is told of it, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from evict.control.audit.record import Note, Record
from evict.control.guard.held import Held, HeldKind
from evict.control.guard.waiting import Waiting
from evict.control.notices.news import News, NewsKind, Tell
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.allowance import HOUR_S, Moment, age
from evict.core.errors import AuditNotWritten

_SHOWN: Final = 5
_HOW_TO: Final = (
    "Look with `evict held`; approve with `evict approve`, or dismiss with `evict dismiss`.",
)


class _Burst(Struct):
    """What one source has held back, and since when it goes on."""

    key: str
    last: Moment


class Alarms:
    """One alarm for each source and burst.

    A burst is over when people dealt with all of it, or after an hour in which nothing came.
    """

    def __init__(self, tell: Tell, waiting: Waiting) -> None:
        self._tell = tell
        self._waiting = waiting
        self._bursts: dict[tuple[str, HeldKind], _Burst] = {}

    def held(self, fresh: Sequence[Held], now: Moment) -> None:
        """Tell of what was just held, source by source and kind by kind."""
        for (source, kind), things in _grouped(fresh).items():
            burst = self._bursts.get((source, kind))
            others = self._waiting.count(source, kind) > len(things)
            if burst is not None and others and age(burst.last, now) < HOUR_S:
                burst.last = now
                continue
            key = _key(source, kind, things[0].since)
            self._bursts[source, kind] = _Burst(key=key, last=now)
            self._tell(_news(key, things))

    def again(self, waiting: Sequence[Held], now: Moment) -> None:
        """After a restart, of what waits still, under the key of before."""
        for (source, kind), things in _grouped(waiting).items():
            key = _key(source, kind, things[0].since)
            self._bursts[source, kind] = _Burst(key=key, last=now)
            self._tell(_news(key, things))

    def refused(self, refused: Sequence[tuple[Account, str]], asker: Asker) -> None:
        """A machine reads no answers: people are told what it asked for in vain."""
        sentences = [sentence for _, sentence in refused]
        if asker.person or not sentences:
            return
        alone = refused[0][0].id if len(sentences) == 1 else ""
        subject = sentences[0] if alone else f"{len(sentences):,} accounts are not to be closed"
        self._tell(
            News(
                kind=NewsKind.ALARM,
                key=f"refused/{asker.name}/{alone or len(sentences)}",
                subject=f"{asker.name} asked for a closing that is refused: {subject}",
                lines=() if alone else tuple(sentences[:_SHOWN]),
                account=alone,
            )
        )

    async def noted(self, note: Note, record: Record) -> None:
        """Note it; where that fails, what was done stands, and people are told."""
        try:
            await note(record)
        except AuditNotWritten as error:
            self._tell(
                News(
                    kind=NewsKind.ALARM,
                    key="audit-not-written",
                    subject="The audit log cannot be written. Closing goes on; nothing is"
                    " approved or reinstated until it can be.",
                    lines=(error.text,),
                )
            )


def _grouped(things: Iterable[Held]) -> dict[tuple[str, HeldKind], list[Held]]:
    groups: dict[tuple[str, HeldKind], list[Held]] = {}
    for held in things:
        about = held.account.id if held.kind is HeldKind.REINSTATEMENT else ""
        groups.setdefault((about or held.source, held.kind), []).append(held)
    return groups


def _key(source: str, kind: HeldKind, since: datetime) -> str:
    return f"held/{kind}/{source}/{since:%Y%m%dT%H%M%S}"


def _news(key: str, things: Sequence[Held]) -> News:
    first = things[0]
    labels = [held.account.upn for held in things[:_SHOWN]]
    if len(things) > _SHOWN:
        labels.append(f"and {len(things) - _SHOWN:,} more")
    return News(
        kind=NewsKind.ALARM if first.kind is HeldKind.CLOSURE else NewsKind.HELD,
        key=key,
        subject=_subject(first, len(things)),
        lines=(first.why, *labels, *_HOW_TO),
        account=first.account.id if len(things) == 1 else "",
    )


def _subject(first: Held, count: int) -> str:
    if first.kind is HeldKind.REINSTATEMENT:
        return f"{first.account.upn}: a reinstatement waits for approval ({first.source})"
    what = f"{count:,} closings are held" if count > 1 else "a closing is held"
    return f"{what} that {first.source} asked for"
