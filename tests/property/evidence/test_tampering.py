# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.core.errors import EvidenceError
from evict.evidence import canonical, dsse
from evict.evidence.statement import payload
from evict.evidence.verify import verify
from tests.unit.evidence import sample

PUBLIC = sample.KEY.public_key()
ENVELOPE = dsse.sign(payload(sample.statement()), sample.KEY)


def is_valid(envelope: bytes) -> bool:
    try:
        verify(envelope, PUBLIC)
    except EvidenceError:
        return False
    return True


def flipped(raw: bytes, index: int, mask: int) -> bytes:
    return raw[:index] + bytes([raw[index] ^ mask]) + raw[index + 1 :]


def test_the_envelope_is_valid_before_anybody_touches_it() -> None:
    assert is_valid(ENVELOPE)


def test_no_byte_of_an_envelope_can_be_flipped_unseen() -> None:
    masks = (0x01, 0x02, 0x04, 0x06, 0x20, 0x80, 0xFF)
    unseen = [
        (index, mask)
        for index in range(len(ENVELOPE))
        for mask in masks
        if is_valid(flipped(ENVELOPE, index, mask))
    ]
    assert unseen == []


def test_a_judge_that_skips_the_signature_would_miss_a_flipped_payload() -> None:
    """The twin: the same check on a payload alone does find bytes that matter to no shape."""
    parts = json.loads(ENVELOPE)
    raw = base64.b64decode(parts["payload"])
    index = raw.index(b"alice@corp.example")
    resigned = dsse.sign(flipped(raw, index, 0x02), sample.KEY)
    assert is_valid(resigned)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_cut_doubled_or_inserted_bytes_are_never_valid(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(ENVELOPE) - 1))
    end = data.draw(st.integers(start + 1, len(ENVELOPE)))
    noise = data.draw(
        st.binary(min_size=1, max_size=8).filter(lambda b: b.strip(b" \t\r\n") != b"")
    )
    assert not is_valid(ENVELOPE[:start] + ENVELOPE[end:])
    assert not is_valid(ENVELOPE[:start] + noise + ENVELOPE[start:])


@settings(max_examples=300, deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes_give_an_error_of_evidence_and_no_other(raw: bytes) -> None:
    assert not is_valid(raw)
    assert not is_valid(dsse.sign(raw, sample.KEY))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e12, 1e12)
    | st.text()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(value=VALUES)
def test_canonical_bytes_are_json_and_a_fixed_point(value: object) -> None:
    raw = canonical.encode(value)
    assert canonical.encode(json.loads(raw)) == raw
    if isinstance(value, datetime):
        assert datetime.fromisoformat(json.loads(raw)) == value
