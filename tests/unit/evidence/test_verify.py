# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import rfc8785

from evict.core.errors import EvidenceInvalid, EvidenceUntold
from evict.core.sighting import Method, Outcome
from evict.core.verdict import Judgement
from evict.evidence import dsse
from evict.evidence.statement import (
    PREDICATE_TYPE,
    REOPENED_TYPE,
    Reopened,
    Statement,
    Subject,
    payload,
    statement_of,
)
from evict.evidence.verify import Verified, verify
from tests.unit.evidence import sample

PUBLIC = sample.KEY.public_key()


def verified(statement: Statement) -> Verified:
    return verify(dsse.sign(payload(statement), sample.KEY), PUBLIC)


def test_evidence_says_what_is_proven_what_it_rests_on_and_what_is_not_provable() -> None:
    found = verified(sample.statement())
    imap, sieve = found.proven
    assert (imap.door, imap.verdict, imap.looks) == ("dovecot/imap/session", "shut", 27)
    assert imap.rests_on == ("witness", "negative-login")
    assert imap.window_ms == (2.5, 41.25)
    assert sieve.rests_on == ("read-back",)
    assert [line.why for line in found.not_provable] == ["a copy on a device"]
    assert found.overall is Judgement.SHUT
    assert any("later generation" in limit for limit in found.limits)


def test_what_is_read_back_is_what_was_said_but_for_decimals_beyond_the_third() -> None:
    read = verified(sample.statement()).statement
    assert read.predicate.case == sample.predicate().case
    assert read.predicate.sightings[0].widest_gap_ms == 5.124
    assert read.predicate.sightings[0].transcript == sample.SIGHTINGS[0].transcript


def test_the_before_image_itself_is_not_in_the_evidence() -> None:
    raw = payload(sample.statement())
    assert b"private@elsewhere" not in raw
    assert sample.predicate().measures[0].before_image.encode() in raw


def _verdict(**changes: Any) -> dict[str, Any]:
    first, *rest = sample.predicate().verdicts
    return {"verdicts": (msgspec.structs.replace(first, **changes), *rest)}


def _case(**changes: Any) -> dict[str, Any]:
    return {"case": msgspec.structs.replace(sample.predicate().case, **changes)}


LET_IN_LATER = sample.sighting(sample.IMAP, Method.WITNESS, Outcome.LET_IN, 2200)
ELSEWHERE = sample.sighting(sample.PHONE, Method.LIST, Outcome.EMPTY, 5000)
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "a success was seen later": ({"sightings": (*sample.SIGHTINGS, LET_IN_LATER)}, "say open"),
    "the sightings were dropped": ({"sightings": ()}, "say unverifiable"),
    "better figures": (_verdict(first_refusal_ms=1.0), "figures"),
    "a promise moved": (_verdict(predicted_s=60.0), "figures"),
    "a firmer footing": (_verdict(rests_on=(Method.HOOK,)), "figures"),
    "called open": (_verdict(judgement=Judgement.OPEN), "is called open"),
    "another whole": ({"overall": Judgement.OPEN}, "as a whole"),
    "a verdict was dropped": ({"verdicts": sample.predicate().verdicts[1:]}, "same doors"),
    "an expectation was dropped": ({"expectations": ()}, "same doors"),
    "nothing unprovable": ({"not_provable": ()}, "not provable"),
    "a reinstatement": (_case(generation=2), "no revocation"),
    "another commit": (_case(commit_at=sample.at(1)), "timeline"),
    "a look after the end": ({"sightings": (*sample.SIGHTINGS, ELSEWHERE)}, "a sighting ends"),
}


@pytest.mark.parametrize(("changes", "text"), LIES.values(), ids=LIES.keys())
def test_a_lie_that_was_signed_is_found_out(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(EvidenceInvalid, match=text):
        verified(sample.statement(**changes))


def test_a_subject_that_is_not_the_ledger_entry_is_found_out() -> None:
    other = (Subject(name="evict-case:x/y/1", digest={"sha256": "00" * 32}),)
    with pytest.raises(EvidenceInvalid, match="subject"):
        verified(msgspec.structs.replace(sample.statement(), subject=other))


def test_the_wording_of_a_reason_may_change_between_versions() -> None:
    assert verified(sample.statement(**_verdict(why="other words"))).overall is Judgement.SHUT


def _edited(edit: Callable[[dict[str, Any]], Any]) -> bytes:
    parts = json.loads(payload(sample.statement()))
    edit(parts)
    return rfc8785.dumps(parts)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (_edited(lambda s: s["predicate"].update(extra=1)), "unknown fields"),
        (_edited(lambda s: s["predicate"]["verdicts"][0].update(extra=1)), "unknown fields"),
        (_edited(lambda s: s["predicate"].pop("sightings")), "missing required field"),
        (_edited(lambda s: s["predicate"]["case"].update(seq="7")), "Expected `int`"),
        (_edited(lambda s: s.update(_type="https://in-toto.io/Statement/v2")), "Statement v1"),
        (json.dumps(json.loads(payload(sample.statement()))).encode(), "canonical form"),
        (b"{", "not a statement"),
        (b"\xff", "not a statement"),
        (b"[" * 100_000, "not a statement"),
    ],
    ids=["field", "inner", "missing", "type", "v2", "spaces", "half", "bytes", "deep"],
)
def test_a_signed_payload_of_another_shape_is_invalid(raw: bytes, text: str) -> None:
    with pytest.raises(EvidenceInvalid, match=text):
        verify(dsse.sign(raw, sample.KEY), PUBLIC)


def test_a_predicate_of_another_version_cannot_be_told() -> None:
    raw = _edited(lambda s: s.update(predicateType="tag:evict.example,2026:evidence/v2"))
    with pytest.raises(EvidenceUntold, match="does not know"):
        verify(dsse.sign(raw, sample.KEY), PUBLIC)


REOPENED = Reopened(
    seen_at=sample.predicate().timeline.t4,
    system="directory",
    doors=(),
    what="directory:disable",
    why="enabled on dc1",
)


def _again(**changes: Any) -> Statement:
    said = msgspec.structs.replace(sample.predicate(), **changes)
    return statement_of(said)


def test_what_was_opened_again_is_another_type_and_verifies() -> None:
    found = verified(_again(reopened=(REOPENED,)))
    assert found.statement.predicateType == REOPENED_TYPE
    assert found.statement.predicate.reopened == (REOPENED,)
    assert verified(sample.statement()).statement.predicateType == PREDICATE_TYPE
    assert b"reopened" not in payload(sample.statement())


def test_a_type_that_does_not_fit_what_is_said_is_refused() -> None:
    wrong = msgspec.structs.replace(_again(reopened=(REOPENED,)), predicateType=PREDICATE_TYPE)
    with pytest.raises(EvidenceInvalid, match="not of the type"):
        verified(wrong)
    bare = msgspec.structs.replace(sample.statement(), predicateType=REOPENED_TYPE)
    with pytest.raises(EvidenceInvalid, match="not of the type"):
        verified(bare)


def test_what_was_opened_again_is_named_and_seen_in_time() -> None:
    with pytest.raises(EvidenceInvalid, match="nothing is named"):
        verified(_again(reopened=()))
    early = msgspec.structs.replace(
        REOPENED, seen_at=sample.predicate().case.commit_at - timedelta(seconds=1)
    )
    with pytest.raises(EvidenceInvalid, match="before the commit"):
        verified(_again(reopened=(early,)))
