# SPDX-License-Identifier: Apache-2.0
"""From a case at rest to its statement, its envelope and its report."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import UNSET, Struct, structs

import evict
from evict.control.cases.case import Case
from evict.control.progress import CaseReport
from evict.core.errors import EvictError
from evict.core.measure import Stage
from evict.core.verdict import exit_code, overall
from evict.evidence import dsse
from evict.evidence.keys import write_new
from evict.evidence.statement import (
    Acknowledgement,
    Bystanders,
    Clock,
    CutterStep,
    Predicate,
    Software,
    Statement,
    Timeline,
    not_provable,
    payload,
    planned,
    statement_of,
)
from evict.evidence.statement import Case as StatedCase

_MODE = 0o640


class Stored(Struct, frozen=True, kw_only=True):
    """Where a piece of evidence is, and the SHA-256 of the file."""

    path: Path
    digest: str
    signed: bool


class EvidenceNotStored(EvictError):
    """The evidence could not be written; the case stands, a second look makes it anew."""

    code = "evidence-not-stored"


def statement(case: Case) -> Statement:
    """What is known of the case now, as a third party needs it."""
    verdicts = case.verdicts()
    seen = tuple(s for s in case.sightings() if s.door in case.expectations)
    now = datetime.now(UTC)  # last: nothing that was seen is later
    return statement_of(
        Predicate(
            case=_stated(case),
            overall=overall(verdicts),
            expectations=tuple(case.expectations[v.door] for v in verdicts),
            verdicts=verdicts,
            sightings=seen,
            measures=tuple(map(planned, case.ordered_plan())),
            effects=case.all_effects(),
            acknowledgements=_acknowledgements(case),
            cutter=_cutter(case),
            timeline=_timeline(case, now),
            bystanders=Bystanders(
                note="not counted here: whoever holds other sessions counts from them"
            ),
            not_provable=not_provable(verdicts),
            software=Software(name="evict", version=evict.__version__),
            clocks=(
                Clock(who="control plane", source="CLOCK_REALTIME of its host"),
                *(
                    Clock(who=f"agent {a}", source="CLOCK_REALTIME of its host")
                    for a in _agents(case)
                ),
            ),
            reopened=case.reopened or UNSET,
        )
    )


def _stated(case: Case) -> StatedCase:
    body = case.entry.body
    personal = case.entry.personal
    return StatedCase(
        account=body.account,
        label=personal.label if personal else "",
        ledger=body.ledger,
        epoch=body.epoch,
        seq=body.seq,
        generation=body.generation,
        entry_hash=case.entry.hash.hex(),
        commit_at=case.commit_at,
    )


def _agents(case: Case) -> list[str]:
    return sorted({m.agent for m in case.said})


def _acknowledgements(case: Case) -> tuple[Acknowledgement, ...]:
    return tuple(
        Acknowledgement(agent=m.agent, hooks=m.hooks, at=m.at, after_ms=_after(case, m.at))
        for m in case.said
        if m.step is None
    )


def _after(case: Case, at: datetime) -> float:
    return round((at - case.commit_at).total_seconds() * 1000, 3)


def _cutter(case: Case) -> tuple[CutterStep, ...]:
    return tuple(
        CutterStep(
            agent=m.agent,
            system=m.step.system,
            step=m.step.step,
            at=m.step.at,
            count=m.step.count,
            left=m.step.left,
            detail=m.step.detail,
        )
        for m in case.said
        if m.step is not None
    )


def _timeline(case: Case, now: datetime) -> Timeline:
    acknowledged = [m.at for m in case.said if m.step is None]
    quiet = {m.step.system: m.at for m in case.said if m.step and m.step.step == "quiet"}
    kicked = {m.system for m in case.plan.values() if m.stage is Stage.KICK}
    seen = case.sightings()
    return Timeline(
        t0=case.commit_at,
        t1=None if case.silent_agents else max(acknowledged, default=None),
        t2=max(quiet.values(), default=None) if kicked <= quiet.keys() else None,
        t3=max((s.ended_at for s in seen), default=None),
        t4=now,
    )


def store(made: Statement, folder: Path, key: Ed25519PrivateKey | None) -> Stored:
    """Write the envelope, or without a key the bare statement; the name says which.

    Raises:
        EvidenceNotStored: disk full, folder missing, not allowed.
    """
    raw = payload(made)
    data = dsse.sign(raw, key) if key is not None else raw
    case = made.predicate.case
    stamp = f"{made.predicate.timeline.t4:%Y%m%dT%H%M%S%f}Z"
    kind = "dsse" if key is not None else "statement"
    path = folder / f"{case.account}-{case.generation}-{stamp}.{kind}.json"
    try:
        write_new(path, data, _MODE)
    except OSError as error:
        raise EvidenceNotStored(f"{path}: {error.strerror}: the evidence is not kept") from error
    return Stored(path=path, digest=hashlib.sha256(data).hexdigest(), signed=key is not None)


def report(case: Case, stored: Stored | None) -> CaseReport:
    """The end of a look, for whoever waited for it."""
    verdicts = case.verdicts()
    failures = case.all_failures()
    seen = case.sightings()
    last = max((s.ended_at for s in seen), default=case.commit_at)
    personal = case.entry.personal
    return CaseReport(
        account=case.account.id,
        label=personal.label if personal else case.account.upn,
        generation=case.order.generation,
        verdict=overall(verdicts),
        exit_code=exit_code(verdicts, failed=bool(failures)),
        commit_at=case.commit_at,
        doors=verdicts,
        plan=tuple(structs.replace(m, image=None) for m in case.ordered_plan()),
        effects=case.all_effects(),
        failures=failures,
        evidence=str(stored.path) if stored else "",
        signed=stored.signed if stored else False,
        proven_ms=round((last - case.commit_at).total_seconds() * 1000, 3),
    )
