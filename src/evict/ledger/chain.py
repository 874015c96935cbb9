# SPDX-License-Identifier: Apache-2.0
"""The hash chain: canonical bytes of a body, its hash, and the proof that a run is whole.

Pure. The store verifies with it at start, the agent's replica while it is fed.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import msgspec

from evict.core.errors import LedgerDamaged
from evict.core.revocation import Body, Kind, Personal

GENESIS: Final = bytes(32)
"""What the first entry has in the place of a hash before it."""
FIRST_EPOCH: Final = 1
VERSION: Final = 1

_encoder: Final = msgspec.json.Encoder(order="sorted")
_body_decoder: Final = msgspec.json.Decoder(Body, strict=True)
_personal_decoder: Final = msgspec.json.Decoder(Personal, strict=True)


def encode_body(body: Body) -> bytes:
    """Canonical bytes: JSON, keys sorted, no spaces, instants as RFC 3339 in UTC."""
    return _encoder.encode(body)


def decode_body(raw: bytes) -> Body:
    """Read a body back; only bytes that `encode_body` could have written are taken.

    Raises:
        ValueError: anything else; the text says what.
    """
    try:
        body = _body_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise ValueError(f"the body cannot be read ({error})") from error
    if body.version != VERSION:
        raise ValueError(f"the body has the unknown version {body.version}")
    if (
        encode_body(body) != raw
        or body.at.utcoffset() != timedelta(0)
        or body.allow_bounce is False
    ):
        raise ValueError("the body is not in canonical form")
    return body


def entry_hash(prev: bytes, raw: bytes) -> bytes:
    """SHA-256(prev || raw), 32 bytes."""
    return hashlib.sha256(prev + raw).digest()


def encode_personal(personal: Personal) -> bytes:
    """Canonical bytes of the personal part."""
    return _encoder.encode(personal)


def decode_personal(content: bytes) -> Personal:
    """Raises `ValueError`."""
    try:
        return _personal_decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise ValueError(f"the personal part cannot be read ({error})") from error


def commitment(salt: bytes, content: bytes) -> str:
    """Bind a personal part to its body: hex SHA-256(salt || content).

    The salt (32 random bytes) goes with the content when that is erased, so that nobody can
    find out by trying names whose commitment it was.
    """
    return hashlib.sha256(salt + content).hexdigest()


class Verifier:
    """Follows a chain entry by entry and raises at the first that does not fit.

    Attributes:
        ledger: id of the ledger; "" before the first entry unless it was given.
        epoch, seq, hash: of the newest entry that fitted.
        generations: account -> its newest generation.
    """

    __slots__ = ("epoch", "generations", "hash", "ledger", "seq")

    def __init__(self, ledger: str = "") -> None:
        self.ledger = ledger
        self.epoch = FIRST_EPOCH
        self.seq = 0
        self.hash = GENESIS
        self.generations: dict[str, int] = {}

    def extend(self, *, raw: bytes, prev: bytes, digest: bytes) -> Body:
        """Take the next entry and give back its body; nothing changes where it does not fit.

        Raises:
            LedgerDamaged: the text says at which sequence number and what is wrong.
        """
        seq = self.seq + 1
        if prev != self.hash:
            raise damaged(seq, "it does not follow the hash of the entry before")
        if entry_hash(prev, raw) != digest:
            raise damaged(seq, "its hash is not that of its bytes")
        try:
            body = decode_body(raw)
        except ValueError as error:
            raise damaged(seq, str(error)) from error
        self._refuse_misfit(body, seq)
        self.advance(body, digest)
        return body

    def advance(self, body: Body, digest: bytes) -> None:
        """Move on to an entry that is known to fit, because it was just made to."""
        self.ledger, self.epoch, self.seq, self.hash = body.ledger, body.epoch, body.seq, digest
        if body.kind is not Kind.ADOPTION:
            self.generations[body.account] = body.generation

    def _refuse_misfit(self, body: Body, seq: int) -> None:
        if body.seq != seq:
            raise damaged(seq, f"it says it is number {body.seq}")
        if self.ledger not in ("", body.ledger):
            raise damaged(seq, f"it is of another ledger, {body.ledger}")
        adopts = body.kind is Kind.ADOPTION
        if body.epoch != self.epoch + adopts:
            raise damaged(seq, f"epoch {body.epoch} cannot follow epoch {self.epoch} here")
        if adopts:
            if body.account or body.generation:
                raise damaged(seq, "an adoption names no account")
            return
        known = self.generations.get(body.account, 0)
        widens = body.generation == known and known % 2 == 1  # names added to one in force
        if not body.account or not (widens or body.generation == known + 1):
            raise damaged(seq, f"generation {body.generation} stands where {known + 1} must")
        if (body.generation % 2 == 1) is not (body.kind is Kind.REVOCATION):
            raise damaged(seq, f"generation {body.generation} cannot be a {body.kind}")


def damaged(seq: int, what: str) -> LedgerDamaged:
    """The one sentence in which a broken chain is told."""
    return LedgerDamaged(f"the ledger is damaged at entry {seq}: {what}", seq=seq)
