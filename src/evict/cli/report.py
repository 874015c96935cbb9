# SPDX-License-Identifier: Apache-2.0
"""The result of a case on stdout, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evict.cli.progress import STYLES, word
from evict.control.progress import CaseReport
from evict.core.errors import ExitCode
from evict.core.measure import EffectKind
from evict.core.verdict import Judgement, Verdict


def print_report(console: Console, report: CaseReport) -> None:
    """Doors with their windows, what each rests on, what failed, where the evidence is."""
    style = STYLES[report.verdict]
    console.print(
        Text.assemble(
            (f"{report.label}: ", "bold"),
            (str(report.verdict), style),
            f"  (generation {report.generation}, committed {report.commit_at:%F %T} UTC,"
            f" looked at until {report.proven_ms / 1000:.1f} s after)",
        )
    )
    console.print(_doors(report.doors))
    for verdict in report.doors:
        if word(verdict, final=True) not in ("shut", "outside") and verdict.why:
            console.print(Text(f"  {verdict.door.name}: {_why(verdict)}"))
    for effect in report.effects:
        if effect.kind not in (EffectKind.DONE, EffectKind.UNCHANGED):
            console.print(Text(f"  {effect.measure}: {effect.kind}: {effect.detail}", style="red"))
    for failure in report.failures:
        console.print(Text(f"  failed: {failure}", style="red"))
    if report.evidence:
        signed = "signed evidence" if report.signed else "UNSIGNED statement (no signing key here)"
        console.print(Text(f"  {signed}: {report.evidence}"), soft_wrap=True)


def conclude(talk: Console, report: CaseReport) -> None:
    """Say on stderr, in whole sentences, why a case did not end well and what to do next."""
    if report.exit_code is ExitCode.OK:
        return
    left = [v for v in report.doors if v.nature.provable and v.judgement is not Judgement.SHUT]
    reasons = report.failures or tuple(
        f"{v.door.name}: {word(v, final=True)}: {_why(v)}" for v in left
    )
    for reason in reasons:
        talk.print(Text(f"evict: {report.label}: {reason}"), soft_wrap=True)
    advice = f"`evict revoke {report.label}` looks again and finishes what is left"
    if left and not report.failures and all(v.judgement is Judgement.BOUNDED for v in left):
        advice = "what is bounded ends by itself, and no command ends it sooner"
    talk.print(Text(f"evict: {report.label}: not all is proven shut; {advice}"), soft_wrap=True)


def _why(verdict: Verdict) -> str:
    if verdict.until is None:
        return verdict.why
    return f"{verdict.why}; it ends by itself, at the latest {verdict.until:%F %T} UTC"


def _doors(doors: tuple[Verdict, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("door")
    table.add_column("verdict")
    table.add_column("promised", justify="right")
    table.add_column("last success", justify="right")
    table.add_column("first refusal", justify="right")
    table.add_column("looks apart", justify="right")
    table.add_column("rests on")
    for verdict in doors:
        said = word(verdict, final=True)
        style = "dim" if not verdict.nature.provable else STYLES[verdict.judgement]
        table.add_row(
            verdict.door.name,
            Text(said, style=style),
            "-" if verdict.predicted_s is None else f"{verdict.predicted_s:g} s",
            _ms(verdict.last_success_ms),
            _ms(verdict.first_refusal_ms),
            _ms(verdict.widest_gap_ms),
            ", ".join(verdict.rests_on) or "-",
        )
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} ms"
