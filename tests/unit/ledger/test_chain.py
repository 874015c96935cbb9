# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from datetime import timedelta, timezone

import msgspec
import pytest

from evict.core.errors import LedgerDamaged
from evict.core.revocation import Body, Kind
from evict.ledger.chain import (
    GENESIS,
    Verifier,
    commitment,
    decode_body,
    encode_body,
    encode_personal,
    entry_hash,
)
from tests.unit.ledger.made import NOON, personal


def body(seq: int = 1, **other: object) -> Body:
    made = Body(
        ledger="one",
        epoch=1,
        seq=seq,
        kind=Kind.REVOCATION,
        at=NOON,
        account="alice",
        generation=1,
        request=f"r{seq}",
    )
    return msgspec.structs.replace(made, **other)


def run(*bodies: Body) -> Verifier:
    verifier = Verifier()
    for one in bodies:
        raw = encode_body(one)
        prev = verifier.hash
        verifier.extend(raw=raw, prev=prev, digest=entry_hash(prev, raw))
    return verifier


def test_a_body_has_one_form_of_bytes_that_never_changes() -> None:
    assert encode_body(body()) == (
        b'{"account":"alice","at":"2026-11-24T12:00:00Z","epoch":1,"generation":1,'
        b'"hold_queue":false,"kind":"revocation","ledger":"one","personal":"","request":"r1","seq":1,'
        b'"tickets_dead_until":null,"version":1}'
    )


def test_a_wish_that_came_later_is_in_the_bytes_only_where_it_is_one() -> None:
    wished = encode_body(msgspec.structs.replace(body(), allow_bounce=True))
    assert b'"allow_bounce":true' in wished
    assert decode_body(wished).allow_bounce is True
    with pytest.raises(ValueError, match="canonical"):
        decode_body(encode_body(msgspec.structs.replace(body(), allow_bounce=False)))


def test_the_hash_of_the_first_entry_begins_with_32_zero_bytes() -> None:
    raw = encode_body(body())
    assert entry_hash(GENESIS, raw) == hashlib.sha256(b"\x00" * 32 + raw).digest()


def test_bytes_in_any_other_order_are_not_a_body() -> None:
    raw = msgspec.json.encode(body())
    assert raw != encode_body(body())
    with pytest.raises(ValueError, match="canonical"):
        decode_body(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        encode_body(body()).replace(b'"version":1', b'"version":2'),
        encode_body(body()).replace(b'"seq":1', b'"seq":"1"'),
        encode_body(body()).replace(b'"epoch"', b'"elsewhere":1,"epoch"'),
        encode_body(body(at=NOON.replace(tzinfo=None))),
        encode_body(body(at=NOON.astimezone(timezone(timedelta(hours=1))))),
    ],
)
def test_what_is_not_canonical_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="body"):
        decode_body(raw)


def test_a_commitment_hides_who_it_was_without_the_salt() -> None:
    content = encode_personal(personal("alice"))
    assert commitment(b"salt", content) != commitment(b"another", content)
    assert commitment(b"salt", content) == commitment(b"salt", content)


def test_a_whole_run_verifies() -> None:
    verifier = run(
        body(1),
        body(2, account="bob"),
        body(3, kind=Kind.REINSTATEMENT, generation=2),
        body(4, kind=Kind.ADOPTION, epoch=2, account="", generation=0),
        body(5, epoch=2, generation=3),
    )
    assert (verifier.seq, verifier.epoch, verifier.ledger) == (5, 2, "one")
    assert verifier.generations == {"alice": 3, "bob": 1}


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (body(3, account="bob"), "it says it is number 3"),
        (body(2, account="bob", ledger="two"), "another ledger"),
        (body(2, account="bob", epoch=2), "epoch 2 cannot follow epoch 1"),
        (body(2, account="bob", epoch=0), "epoch 0 cannot follow"),
        (body(2, kind=Kind.ADOPTION, account="", generation=0), "epoch 1 cannot follow"),
        (body(2, kind=Kind.ADOPTION, account="", generation=0, epoch=3), "epoch 3"),
        (body(2, kind=Kind.ADOPTION, epoch=2), "names no account"),
        (body(2, kind=Kind.REINSTATEMENT), "generation 1 cannot be a reinst"),
        (body(2, generation=0), "generation 0 stands where 2 must"),
        (body(2, generation=2), "generation 2 cannot be a revocation"),
        (body(2, generation=3), "generation 3 stands where 2 must"),
        (body(2, account="bob", kind=Kind.REINSTATEMENT), "generation 1 cannot be a reinst"),
        (body(2, account=""), "generation 1 stands where 1 must"),
    ],
)
def test_an_entry_that_cannot_come_second_is_refused_by_number(second: Body, what: str) -> None:
    with pytest.raises(LedgerDamaged, match="at entry 2: ") as error:
        run(body(1), second)
    assert what in error.value.text
    assert error.value.fields == {"seq": 2}


def test_names_are_added_to_a_revocation_in_force_under_its_generation() -> None:
    assert run(body(1), body(2), body(3)).generations == {"alice": 1}
    back = body(2, kind=Kind.REINSTATEMENT, generation=2)
    with pytest.raises(LedgerDamaged, match="generation 1 stands where 3 must"):
        run(body(1), back, body(3))


def test_a_broken_link_is_refused_and_nothing_moves() -> None:
    verifier = run(body(1))
    before = (verifier.seq, verifier.hash, dict(verifier.generations))
    raw = encode_body(body(2, account="bob"))
    with pytest.raises(LedgerDamaged, match="hash of the entry before"):
        verifier.extend(raw=raw, prev=GENESIS, digest=entry_hash(GENESIS, raw))
    with pytest.raises(LedgerDamaged, match="not that of its bytes"):
        verifier.extend(raw=raw, prev=verifier.hash, digest=entry_hash(GENESIS, raw))
    assert (verifier.seq, verifier.hash, verifier.generations) == before
