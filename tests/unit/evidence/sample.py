# SPDX-License-Identifier: Apache-2.0
"""One small case, the same each time, and keys that sign nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evict.core.door import Credential, Door, Nature
from evict.core.measure import Actor, BeforeImage, Effect, EffectKind, Measure, Stage
from evict.core.sighting import Method, Outcome, Sighting
from evict.core.verdict import Expectation, judge, overall
from evict.evidence.statement import (
    Acknowledgement,
    Bystanders,
    Case,
    Clock,
    CutterStep,
    Predicate,
    Software,
    Statement,
    Timeline,
    not_provable,
    planned,
    statement_of,
)

COMMIT = datetime(2026, 11, 24, 8, 30, 0, 120_000, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
IMAP = Door("dovecot", "imap", Credential.SESSION)
SIEVE = Door("dovecot", "sieve", Credential.GRANT)
PHONE = Door("dovecot", "device", Credential.COPY)


def at(ms: float) -> datetime:
    return COMMIT + timedelta(milliseconds=ms)


def sighting(door: Door, method: Method, outcome: Outcome, ms: float) -> Sighting:
    return Sighting(
        door=door,
        method=method,
        outcome=outcome,
        started_at=at(ms - 1),
        ended_at=at(ms),
        where="127.0.0.1:993",
        detail=f"{method} {outcome}",
        transcript=("C: a1 NOOP", "S: * BYE über\x1b\u202e"),
        tries=9,
        widest_gap_ms=5.1239,
    )


SIGHTINGS = (
    sighting(IMAP, Method.WITNESS, Outcome.LET_IN, 2.5),
    sighting(IMAP, Method.WITNESS, Outcome.CUT, 41.25),
    sighting(IMAP, Method.NEGATIVE_LOGIN, Outcome.REFUSED, 2100),
    sighting(SIEVE, Method.READ_BACK, Outcome.EMPTY, 300),
)


def predicate(sightings: tuple[Sighting, ...] = SIGHTINGS) -> Predicate:
    expectations = (
        Expectation(door=IMAP, predicted_s=0.5),
        Expectation(door=SIEVE),
        Expectation(door=PHONE, nature=Nature.UNPROVABLE, note="a copy on a device"),
    )
    verdicts = tuple(judge(e, sightings, COMMIT) for e in expectations)
    measure = Measure(
        id="dovecot:deactivate:vacation",
        system="dovecot",
        stage=Stage.MAIL_FLOW,
        actor=Actor.CONTROL,
        doors=(SIEVE,),
        why="it forwards to elsewhere.example",
        target="vacation",
        image=BeforeImage(
            measure="dovecot:deactivate:vacation",
            system="dovecot",
            target="vacation",
            before={"script": 'redirect "private@elsewhere.example";'},
            after={},
        ),
    )
    return Predicate(
        case=Case(
            account="0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10",
            label="alice@corp.example",
            ledger="6f1c",
            epoch=1,
            seq=7,
            generation=1,
            entry_hash="ab" * 32,
            commit_at=COMMIT,
            reason="left",
        ),
        overall=overall(verdicts),
        expectations=expectations,
        verdicts=verdicts,
        sightings=sightings,
        measures=(planned(measure),),
        effects=(Effect(measure=measure.id, kind=EffectKind.DONE),),
        acknowledgements=(
            Acknowledgement(agent="agent", hooks=("dovecot",), at=at(0.8), after_ms=0.8),
        ),
        cutter=(
            CutterStep(agent="agent", system="dovecot", step="kick", at=at(30), left={"imap": 1}),
        ),
        timeline=Timeline(t0=COMMIT, t1=at(0.8), t2=at(80), t3=at(2200), t4=at(2300)),
        bystanders=Bystanders(held=5, dropped=0),
        not_provable=not_provable(verdicts),
        software=Software(name="evict", version="0.1.0"),
        clocks=(Clock(who="control plane", source="the host's own, not checked"),),
    )


def statement(**changes: object) -> Statement:
    """The sample, with fields of its predicate replaced."""
    return statement_of(msgspec.structs.replace(predicate(), **changes))
