# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.core.errors import LedgerDamaged
from evict.core.revocation import Body, Kind, Personal
from evict.ledger.chain import (
    Verifier,
    decode_body,
    decode_personal,
    encode_body,
    encode_personal,
    entry_hash,
)

INSTANTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)).map(  # noqa: DTZ001 - hypothesis wants naive bounds
    lambda at: at.replace(tzinfo=UTC)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
BODIES = st.builds(
    Body,
    ledger=TEXT,
    epoch=st.integers(0, 2**40),
    seq=st.integers(0, 2**40),
    kind=st.sampled_from(Kind),
    at=INSTANTS,
    account=TEXT,
    generation=st.integers(0, 2**40),
    request=TEXT,
    personal=TEXT,
    tickets_dead_until=st.none() | INSTANTS,
)


@given(BODIES)
def test_a_body_survives_its_bytes(body: Body) -> None:
    raw = encode_body(body)
    assert decode_body(raw) == body
    assert encode_body(decode_body(raw)) == raw


@given(st.builds(Personal, label=TEXT, forms=st.lists(TEXT).map(tuple), reason=TEXT))
def test_a_personal_part_survives_its_bytes(personal: Personal) -> None:
    assert decode_personal(encode_personal(personal)) == personal


@given(st.binary(max_size=300))
def test_bytes_of_anything_else_raise_nothing_but_value_error(raw: bytes) -> None:
    for decode in (decode_body, decode_personal):
        with pytest.raises(ValueError, match="the"):
            decode(raw)


@st.composite
def chains(draw: st.DrawFn) -> list[tuple[bytes, bytes, bytes]]:
    """Valid runs of (raw, prev, hash)."""
    verifier, made = Verifier(), []
    for seq in range(1, draw(st.integers(2, 8)) + 1):
        adopts = draw(st.integers(0, 5)) == 0
        account = "" if adopts else draw(st.sampled_from(["a", "b", "c"]))
        generation = 0 if adopts else verifier.generations.get(account, 0) + 1
        kind = Kind.REVOCATION if generation % 2 else Kind.REINSTATEMENT
        body = Body(
            ledger="one",
            epoch=verifier.epoch + adopts,
            seq=seq,
            kind=Kind.ADOPTION if adopts else kind,
            at=datetime(2026, 11, 24, tzinfo=UTC),
            account=account,
            generation=generation,
            request=f"r{seq}",
        )
        raw, prev = encode_body(body), verifier.hash
        made.append((raw, prev, entry_hash(prev, raw)))
        verifier.extend(raw=raw, prev=prev, digest=made[-1][2])
    return made


def verify(run: list[tuple[bytes, bytes, bytes]]) -> None:
    verifier = Verifier()
    for raw, prev, digest in run:
        verifier.extend(raw=raw, prev=prev, digest=digest)


@given(chains(), st.data())
def test_a_run_with_one_entry_out_of_place_is_refused(
    run: list[tuple[bytes, bytes, bytes]], data: st.DataObject
) -> None:
    verify(run)
    at = data.draw(st.integers(0, len(run) - 2))
    with pytest.raises(LedgerDamaged, match=f"at entry {at + 1}:"):
        verify(run[:at] + run[at + 1 :])
    with pytest.raises(LedgerDamaged, match=f"at entry {at + 2}:"):
        verify(run[: at + 1] + run[at:])
    with pytest.raises(LedgerDamaged, match=f"at entry {at + 1}:"):
        verify([*run[:at], run[at + 1], run[at], *run[at + 2 :]])


@given(chains(), st.data())
def test_one_flipped_bit_anywhere_is_refused(
    run: list[tuple[bytes, bytes, bytes]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(run) - 1))
    part = data.draw(st.integers(0, 2))
    entry = list(run[at])
    changed = bytearray(entry[part])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    entry[part] = bytes(changed)
    with pytest.raises(LedgerDamaged, match=f"at entry {at + 1}:"):
        verify([*run[:at], (entry[0], entry[1], entry[2]), *run[at + 1 :]])
