# SPDX-License-Identifier: Apache-2.0
"""Verifies evidence offline, with the public key alone.

Beside the signature, everything that the statement says of itself is worked out again: a signer
that was lied to, or lies, is not believed where its own sightings say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET, Struct

from evict.core.door import Nature
from evict.core.errors import Bug, EvidenceInvalid, EvidenceUntold
from evict.core.sighting import Method
from evict.core.verdict import Judgement, Verdict, judge, overall
from evict.evidence import dsse
from evict.evidence.statement import (
    PREDICATE_TYPE,
    REOPENED_TYPE,
    STATEMENT_TYPE,
    Predicate,
    Statement,
    not_provable,
    payload,
    subject_of,
    type_of,
)

LIMITS: Final = (
    "The signature says who signed, not when: the instants are the signer's clocks.",
    "A copy of mail that left before the commit is not called back.",
    "A later generation of this account (a reinstatement) is not in here: ask the ledger.",
)


class Line(Struct, frozen=True, kw_only=True):
    """What the evidence says of one door, and on which looks it rests.

    Attributes:
        window_ms: (last success, first refusal) after the commit; None where it was not seen.
        looks: number of tries that the sightings of this door stand for.
    """

    door: str
    verdict: Judgement
    nature: Nature
    rests_on: tuple[str, ...]
    window_ms: tuple[float | None, float | None]
    looks: int
    why: str


class Verified(Struct, frozen=True, kw_only=True):
    """A valid piece of evidence: what it proves, and what it does not."""

    key_id: str
    statement: Statement
    overall: Judgement
    proven: tuple[Line, ...]
    not_provable: tuple[Line, ...]
    limits: tuple[str, ...] = LIMITS


def verify(envelope: bytes, key: Ed25519PublicKey | None) -> Verified:
    """Verify signature, shape and inner consistency.

    Raises:
        EvidenceInvalid, EvidenceUntold: with what is wrong, or what was missing to tell.
    """
    signed = dsse.open_envelope(envelope, key)
    statement = read_statement(signed.payload)
    check(statement)
    lines = [_line(statement.predicate, v) for v in statement.predicate.verdicts]
    return Verified(
        key_id=signed.key_id,
        statement=statement,
        overall=statement.predicate.overall,
        proven=tuple(x for x in lines if x.verdict is not Judgement.UNVERIFIABLE),
        not_provable=tuple(x for x in lines if x.verdict is Judgement.UNVERIFIABLE),
    )


class _Kind(Struct):
    predicateType: str  # noqa: N815 - the specification's name


def read_statement(raw: bytes) -> Statement:
    """Decode a statement strictly: known fields only, each once, in canonical form.

    Raises:
        EvidenceInvalid: not a statement.
        EvidenceUntold: a predicate of another type, made by another version.
    """
    if len(raw) > dsse.MAX_BYTES:
        raise EvidenceInvalid(f"larger than {dsse.MAX_BYTES} bytes")
    try:
        kind = msgspec.json.decode(raw, type=_Kind).predicateType
        if kind not in (PREDICATE_TYPE, REOPENED_TYPE):
            raise EvidenceUntold(f"a predicate of type {kind!r}, which this version does not know")
        statement = msgspec.json.decode(raw, type=Statement)
        same = payload(statement) == raw
    except (msgspec.MsgspecError, UnicodeDecodeError, Bug) as error:
        raise EvidenceInvalid(f"not a statement of evict: {error}") from None
    except RecursionError:
        raise EvidenceInvalid("not a statement of evict: nested too deeply") from None
    if not same:
        raise EvidenceInvalid("the statement is not in canonical form, or has unknown fields")
    return statement


def check(statement: Statement) -> None:
    """Work out again what the statement says of itself. Raises `EvidenceInvalid`, naming all."""
    wrong = list(_contradictions(statement))
    if wrong:
        raise EvidenceInvalid("; ".join(wrong))


def _contradictions(statement: Statement) -> Iterator[str]:
    said = statement.predicate
    if statement.type != STATEMENT_TYPE:
        yield f"not an in-toto Statement v1 but {statement.type!r}"
    if statement.predicateType != type_of(said):
        yield f"what it holds is not of the type {statement.predicateType!r}"
    if statement.subject != (subject_of(said.case),):
        yield "the subject is not the ledger entry of the case"
    if said.case.generation % 2 != 1:
        yield f"generation {said.case.generation} is no revocation"
    if said.timeline.t0 != said.case.commit_at:
        yield "the timeline does not begin with the commit"
    if said.timeline.t4 < said.timeline.t0:
        yield "the statement was made before the commit"
    if any(s.ended_at < s.started_at or s.ended_at > said.timeline.t4 for s in said.sightings):
        yield "a sighting ends before it begins, or after the statement was made"
    yield from _reopened_contradictions(said)
    agents = {f"agent {a.agent}" for a in said.acknowledgements}
    hooks = (s for s in said.sightings if s.method is Method.HOOK and s.outcome.shut)
    if any(s.where not in agents for s in hooks):
        yield "a hook is said to refuse, and no agent of that name acknowledged it"
    yield from _verdict_contradictions(said)


def _reopened_contradictions(said: Predicate) -> Iterator[str]:
    if said.reopened is UNSET:
        return
    if not said.reopened:
        yield "it is said to have been opened again, and nothing is named"
    if any(not said.case.commit_at <= r.seen_at <= said.timeline.t4 for r in said.reopened):
        yield "something was seen open again before the commit, or after the statement was made"


def _verdict_contradictions(said: Predicate) -> Iterator[str]:
    doors = [e.door for e in said.expectations]
    if len(set(doors)) != len(doors) or doors != [v.door for v in said.verdicts]:
        yield "expectations and verdicts are not of the same doors, each once"
        return
    for strange in {s.door.name for s in said.sightings} - {d.name for d in doors}:
        yield f"{strange} was looked at and has no verdict"
    for expectation, verdict in zip(said.expectations, said.verdicts, strict=True):
        again = judge(expectation, said.sightings, said.case.commit_at)
        if _substance(again) != _substance(verdict):
            yield (
                f"{verdict.door.name} is called {verdict.judgement},"
                f" its sightings say {again.judgement}"
                if again.judgement is not verdict.judgement
                else f"{verdict.door.name}: the figures do not follow from its sightings"
            )
    if said.overall is not overall(said.verdicts):
        yield f"called {said.overall} as a whole, its verdicts say {overall(said.verdicts)}"
    if {n.door for n in said.not_provable} != {n.door for n in not_provable(said.verdicts)}:
        yield "the list of what was not provable does not follow from the verdicts"


def _substance(verdict: Verdict) -> Verdict:
    """Without the sentence for people, whose wording may change."""
    return msgspec.structs.replace(verdict, why="")


def _line(said: Predicate, verdict: Verdict) -> Line:
    return Line(
        door=verdict.door.name,
        verdict=verdict.judgement,
        nature=verdict.nature,
        rests_on=tuple(m.value for m in verdict.rests_on),
        window_ms=(verdict.last_success_ms, verdict.first_refusal_ms),
        looks=sum(s.tries for s in said.sightings if s.door == verdict.door),
        why=verdict.why,
    )
