# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # exported, not typed so

from evict.core.errors import EvidenceInvalid, EvidenceUntold
from evict.evidence import dsse
from tests.unit.evidence.sample import KEY, OTHER_KEY

PUBLIC = KEY.public_key()
PAYLOAD = b'{"a":1}'


def judge_outside(envelope: bytes) -> None:
    """securesystemslib, which shares no code with ours."""
    identity = dsse.key_id(PUBLIC)
    key = SSlibKey(identity, "ed25519", "ed25519", {"public": PUBLIC.public_bytes_raw().hex()})
    Envelope.from_dict(json.loads(envelope)).verify([key], 1)


def test_the_pre_authentication_encoding_is_the_one_of_the_specification() -> None:
    text = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert text == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_an_outside_judge_accepts_our_envelope() -> None:
    envelope = dsse.sign(PAYLOAD, KEY)
    judge_outside(envelope)
    assert dsse.open_envelope(envelope, PUBLIC).payload == PAYLOAD


def test_the_outside_judge_and_ours_both_refuse_another_payload() -> None:
    parts = json.loads(dsse.sign(PAYLOAD, KEY))
    parts["payload"] = base64.b64encode(b'{"a":2}').decode()
    changed = json.dumps(parts).encode()
    with pytest.raises(VerificationError):
        judge_outside(changed)
    with pytest.raises(EvidenceInvalid, match="signature is wrong"):
        dsse.open_envelope(changed, PUBLIC)


def test_the_payloads_original_bytes_are_kept_even_where_they_are_not_canonical() -> None:
    odd = b'{ "b": 1,\n "a": 2 }'
    assert dsse.open_envelope(dsse.sign(odd, KEY), PUBLIC).payload == odd


def test_without_a_key_or_with_another_one_nothing_can_be_told() -> None:
    envelope = dsse.sign(PAYLOAD, KEY)
    for key in (None, OTHER_KEY.public_key()):
        with pytest.raises(EvidenceUntold):
            dsse.open_envelope(envelope, key)


def test_a_signature_of_another_key_under_our_key_id_is_invalid() -> None:
    parts = json.loads(dsse.sign(PAYLOAD, OTHER_KEY))
    parts["signatures"][0]["keyid"] = dsse.key_id(PUBLIC)
    with pytest.raises(EvidenceInvalid):
        dsse.open_envelope(json.dumps(parts).encode(), PUBLIC)


def test_one_good_signature_among_others_is_enough() -> None:
    parts, others = (json.loads(dsse.sign(PAYLOAD, k)) for k in (KEY, OTHER_KEY))
    parts["signatures"] = others["signatures"] + parts["signatures"]
    assert dsse.open_envelope(json.dumps(parts).encode(), PUBLIC).key_id == dsse.key_id(PUBLIC)


def broken(**changes: Any) -> bytes:
    parts = json.loads(dsse.sign(PAYLOAD, KEY))
    parts.update(changes)
    return json.dumps(parts).encode()


@pytest.mark.parametrize(
    ("envelope", "text"),
    [
        (b"", "not a DSSE envelope"),
        (b"[]", "not a DSSE envelope"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b" " * (dsse.MAX_BYTES + 1), "larger than"),
        (broken(payloadType="application/json"), "something else"),
        (broken(signatures=[]), "nobody signed"),
        (broken(payload="e30"), "not base64"),
        (broken(payload="e31="), "one form"),
    ],
    ids=["empty", "array", "deep", "large", "type", "unsigned", "padding", "loose-bits"],
)
def test_what_is_no_envelope_is_invalid_and_says_why(envelope: bytes, text: str) -> None:
    with pytest.raises(EvidenceInvalid, match=text):
        dsse.open_envelope(envelope, PUBLIC)
