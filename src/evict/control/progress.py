# SPDX-License-Identifier: Apache-2.0
"""What the control plane tells whoever waits for it: one stream of small events, then a result."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from evict.core.errors import ExitCode
from evict.core.measure import Effect, Measure
from evict.core.verdict import Judgement, Verdict


class Named(Struct, frozen=True, kw_only=True, tag="named"):
    """Who an account is, for people, before anything else is told of it."""

    account: str
    label: str


class Committed(Struct, frozen=True, kw_only=True, tag="committed"):
    """The ledger holds it. `already`: it was revoked before, so it is only looked at again."""

    account: str
    label: str
    generation: int
    seq: int
    at: datetime
    already: bool = False


class Refusing(Struct, frozen=True, kw_only=True, tag="refusing"):
    """An agent's hooks refuse this account, `ms` after the commit."""

    account: str
    agent: str
    ms: float


class MeasureDone(Struct, frozen=True, kw_only=True, tag="measure"):
    """One measure came to something, `ms` after the commit; None where that is still to come."""

    account: str
    effect: Effect
    ms: float | None


class DoorJudged(Struct, frozen=True, kw_only=True, tag="door"):
    """What is known of one door by now, `ms` after the commit; later events supersede it."""

    account: str
    verdict: Verdict
    ms: float


class Note(Struct, frozen=True, kw_only=True, tag="note"):
    """One sentence for people."""

    account: str
    text: str


class CaseReport(Struct, frozen=True, kw_only=True, tag="report"):
    """The end of one look at all doors of one account.

    Attributes:
        verdict: the worst word of the provable doors.
        failures: one sentence for each thing that failed; any makes the exit code 1.
        evidence: path of the signed envelope, or of the unsigned statement where no key is here.
        signed: whether it is signed.
        proven_ms: from the commit to the last sighting that a verdict rests on.
    """

    account: str
    label: str
    generation: int
    verdict: Judgement
    exit_code: ExitCode
    commit_at: datetime
    doors: tuple[Verdict, ...]
    plan: tuple[Measure, ...]
    effects: tuple[Effect, ...]
    failures: tuple[str, ...] = ()
    evidence: str = ""
    signed: bool = False
    proven_ms: float = 0.0


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """One name of an order that came to nothing: unknown, ambiguous, protected, ..."""

    name: str
    code: str
    exit_code: ExitCode
    text: str


class HeldAccount(Struct, frozen=True, kw_only=True):
    """`held`: the id by which it is approved or dismissed."""

    held: str
    account: str
    label: str


class HeldBack(Struct, frozen=True, kw_only=True, tag="held"):
    """Accounts that the guard holds until people approved it; nothing is done to them.

    Attributes:
        why: one reason for all of them; a sentence.
        approvers: how many people must approve.
    """

    accounts: tuple[HeldAccount, ...]
    why: str
    approvers: int
    exit_code: ExitCode = ExitCode.GUARD_REFUSED


Event = (
    Named | Committed | Refusing | MeasureDone | DoorJudged | Note | CaseReport | Refused | HeldBack
)
