# SPDX-License-Identifier: Apache-2.0
"""The in-toto statement of one case: what was ordered, done and seen, and what it proves."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from evict.core.door import Door, Nature
from evict.core.measure import Actor, Effect, Measure
from evict.core.sighting import Sighting
from evict.core.verdict import Expectation, Judgement, Verdict
from evict.evidence import canonical

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "tag:evict.example,2026:evidence/v1"
"""A tag URI (RFC 4151) under a name reserved for examples (RFC 2606): nobody else's host."""
REOPENED_TYPE: Final = "tag:evict.example,2026:evidence/v1+reopened"
"""The same with what was seen open again after the account had been closed; else v1 is made."""


class Case(Struct, frozen=True, kw_only=True):
    """The ledger entry that the statement is about.

    Attributes:
        account: immutable id.
        label: the account's UPN when it was ordered; "" where it was erased or left out.
        generation: odd: this revocation of the account.
        entry_hash: hex SHA-256 of the entry in the chain.
        reason: None where it was left out on purpose.
    """

    account: str
    label: str
    ledger: str
    epoch: int
    seq: int
    generation: int
    entry_hash: str
    commit_at: datetime
    reason: str | None = None


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """One agent's word that its hooks refuse, by the control plane's clock when it came in."""

    agent: str
    hooks: tuple[str, ...]
    at: datetime
    after_ms: float | None = None


class CutterStep(Struct, frozen=True, kw_only=True):
    """One step of an agent's cutter: flush, kick, look, quiet or failed."""

    agent: str
    system: str
    step: str
    at: datetime
    count: int = 0
    left: dict[str, int] = {}
    detail: str = ""


class Planned(Struct, frozen=True, kw_only=True):
    """One measure of the plan, as evidence holds it.

    Attributes:
        before_image: hex SHA-256 of the canonical JSON of what stood before; "" where there is
            none. The image itself stays with the ledger, since it holds the leaver's data.
    """

    id: str
    system: str
    stage: str
    actor: Actor
    doors: tuple[Door, ...]
    why: str
    target: str = ""
    disturbs: str = ""
    undo: str = ""
    before_image: str = ""


class Timeline(Struct, frozen=True, kw_only=True):
    """The control plane's clock.

    Attributes:
        t0: the entry was stored. t1: every hook refused. t2: caches were flushed and live
            sessions gone. t3: every door was looked at. t4: this statement was made.
    """

    t0: datetime
    t1: datetime | None = None
    t2: datetime | None = None
    t3: datetime | None = None
    t4: datetime


class Bystanders(Struct, frozen=True, kw_only=True):
    """Other people's sessions, where somebody counted them; None: nobody did."""

    held: int | None = None
    dropped: int | None = None
    note: str = ""


class NotProvable(Struct, frozen=True, kw_only=True):
    door: Door
    why: str


class Clock(Struct, frozen=True, kw_only=True):
    """Whose clock an instant is of, and how it is known to be right."""

    who: str
    source: str


class Reopened(Struct, frozen=True, kw_only=True):
    """Something that was seen open, or done away with, after it had been closed and seen shut.

    Attributes:
        what: the measure that is needed again, or the door's name.
        why: one sentence: what was seen.
    """

    seen_at: datetime
    system: str
    doors: tuple[Door, ...]
    what: str
    why: str


class Software(Struct, frozen=True, kw_only=True):
    name: str
    version: str


class Predicate(Struct, frozen=True, kw_only=True):
    """All that a third party needs to judge again.

    Attributes:
        expectations: what was promised of each door before anybody looked.
        verdicts: one for each expectation, in the same order.
        not_provable: every door whose verdict is unverifiable, by its nature or for want of a look.
        reopened: what had been closed before, was seen open, and is why all was looked at again.
            Left out of the bytes where there is none.
    """

    case: Case
    overall: Judgement
    expectations: tuple[Expectation, ...]
    verdicts: tuple[Verdict, ...]
    sightings: tuple[Sighting, ...]
    measures: tuple[Planned, ...]
    effects: tuple[Effect, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    cutter: tuple[CutterStep, ...]
    timeline: Timeline
    bystanders: Bystanders
    not_provable: tuple[NotProvable, ...]
    software: Software
    clocks: tuple[Clock, ...]
    reopened: tuple[Reopened, ...] | UnsetType = UNSET


class Subject(Struct, frozen=True, kw_only=True):
    name: str
    digest: dict[str, str]


class Statement(Struct, frozen=True, kw_only=True, rename={"type": "_type"}):
    """Spec: in-toto Attestation 1.0 Statement.

    The predicate opts out of "ignore unrecognized fields": what a verifier does not know, it
    cannot judge, so a new field makes a new predicate type.
    """

    type: str
    subject: tuple[Subject, ...]
    predicateType: str  # noqa: N815 - the specification's name; `rename` is taken by `_type`
    predicate: Predicate


def statement_of(predicate: Predicate) -> Statement:
    """Wrap a predicate; its subject is the ledger entry."""
    return Statement(
        type=STATEMENT_TYPE,
        subject=(subject_of(predicate.case),),
        predicateType=type_of(predicate),
        predicate=predicate,
    )


def type_of(predicate: Predicate) -> str:
    """What a verifier must know to understand it."""
    return PREDICATE_TYPE if predicate.reopened is UNSET else REOPENED_TYPE


def subject_of(case: Case) -> Subject:
    """`evict-case:<ledger>/<account>/<generation>` with the entry's hash."""
    name = f"evict-case:{case.ledger}/{case.account}/{case.generation}"
    return Subject(name=name, digest={"sha256": case.entry_hash})


def planned(measure: Measure) -> Planned:
    """A measure as evidence holds it: the before-image by its hash."""
    image = measure.image
    return Planned(
        id=measure.id,
        system=measure.system,
        stage=measure.stage.name.lower().replace("_", "-"),
        actor=measure.actor,
        doors=measure.doors,
        why=measure.why,
        target=measure.target,
        disturbs=measure.disturbs,
        undo=measure.undo,
        before_image=hashlib.sha256(canonical.encode(image)).hexdigest() if image else "",
    )


def not_provable(verdicts: tuple[Verdict, ...]) -> tuple[NotProvable, ...]:
    """The doors of which nothing is proven, and why; doors outside the mailbox are left out."""
    return tuple(
        NotProvable(door=v.door, why=v.why)
        for v in verdicts
        if v.judgement is Judgement.UNVERIFIABLE and v.nature is not Nature.OUTSIDE
    )


def payload(statement: Statement) -> bytes:
    """The bytes to sign, and to keep."""
    return canonical.encode(statement)
