# SPDX-License-Identifier: Apache-2.0
"""DSSE envelopes with Ed25519. The payload's original bytes are kept and verified, never redone."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from evict.core.errors import EvidenceInvalid, EvidenceUntold

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_BYTES: Final = 64 * 1024 * 1024
"""Of an envelope. A case of 10,000 sightings takes about 6 MiB."""


class Signature(Struct, frozen=True, kw_only=True):
    keyid: str = ""
    sig: str


class Envelope(Struct, frozen=True, kw_only=True, rename="camel"):
    """As it stands in the file; payload and signatures in standard base64."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]


class Signed(Struct, frozen=True, kw_only=True):
    """What a verified envelope holds."""

    payload: bytes
    key_id: str


def key_id(key: Ed25519PublicKey) -> str:
    """Hex SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed.

    Spec: DSSE 1.0.2 protocol, Signature Definition (pre-authentication encoding).
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The envelope's JSON, without a line feed at its end: each byte of it counts."""
    signature = key.sign(pae(PAYLOAD_TYPE, payload))
    return msgspec.json.encode(
        Envelope(
            payload=base64.b64encode(payload).decode("ascii"),
            payload_type=PAYLOAD_TYPE,
            signatures=(
                Signature(
                    keyid=key_id(key.public_key()),
                    sig=base64.b64encode(signature).decode("ascii"),
                ),
            ),
        )
    )


def open_envelope(raw: bytes, key: Ed25519PublicKey | None) -> Signed:
    """Verify an envelope and take the payload out.

    Args:
        key: None where there is none: then nothing can be told of a well-formed envelope.

    Raises:
        EvidenceInvalid: not an envelope, another type of payload, or a wrong signature.
        EvidenceUntold: no key, or none of the signatures is said to be by this key.

    Spec: DSSE 1.0.2 envelope (several signatures are allowed, one by our key is enough; unknown
        fields are ignored). Standard base64 alone is read, so that one content has one spelling.
    """
    envelope = _parse(raw)
    payload = _base64(envelope.payload, "payload")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise EvidenceInvalid("the envelope holds something else than an in-toto statement")
    if not envelope.signatures:
        raise EvidenceInvalid("nobody signed the envelope")
    if key is None:
        raise EvidenceUntold("there is no public key to verify with; give one with --key")
    mine = key_id(key)
    ours = [s for s in envelope.signatures if s.keyid == mine]
    if not ours:
        others = ", ".join(s.keyid[:16] or "nobody named" for s in envelope.signatures)
        raise EvidenceUntold(f"signed by key {others}, and the key given is {mine[:16]}")
    for signature in ours:
        try:
            key.verify(_base64(signature.sig, "signature"), pae(PAYLOAD_TYPE, payload))
        except InvalidSignature:
            raise EvidenceInvalid("the signature is wrong: it is not what was signed") from None
    return Signed(payload=payload, key_id=mine)


def _parse(raw: bytes) -> Envelope:
    if len(raw) > MAX_BYTES:
        raise EvidenceInvalid(f"larger than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EvidenceInvalid(f"not a DSSE envelope: {error}") from None
    except RecursionError:
        raise EvidenceInvalid("not a DSSE envelope: nested too deeply") from None


def _base64(text: str, what: str) -> bytes:
    """Spec: RFC 4648 section 3.5 (bits that carry nothing must be zero)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EvidenceInvalid(f"the {what} is not base64") from None
    if base64.b64encode(raw).decode("ascii") != text:
        raise EvidenceInvalid(f"the {what} is not base64 in its one form")
    return raw
