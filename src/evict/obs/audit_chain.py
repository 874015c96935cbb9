# SPDX-License-Identifier: Apache-2.0
"""The lines of the audit log: how one is sealed, and the proof that a run of them is whole.

A line is one JSON object in canonical form. Its `hash` is the SHA-256 of the same object without
`hash`; `prev` is the hash of the line before, `n` counts them, `ledger` is where the ledger stood.

Spec: RFC 8785 section 3.2 (canonical JSON).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import rfc8785
from msgspec import Struct

GENESIS: Final = "0" * 64
"""What the first line has in the place of a hash before it."""
TORN: Final = "audit.torn"
"""What the line says that follows one which was not written to its end."""


class Stand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the ledger stood: its newest entry."""

    epoch: int
    seq: int
    hash: str


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"where": "from"}):
    """One line, read back."""

    at: str
    case: int
    detail: str
    hash: str
    ledger: Stand
    n: int
    on: tuple[str, ...]
    prev: str
    result: str
    what: str
    where: str
    who: str
    why: str


class Broken(Exception):
    """The chain does not hold here; the text says why."""


_line: Final = msgspec.json.Decoder(Line, strict=True)


def seal(content: Mapping[str, Any], *, n: int, prev: str) -> tuple[bytes, str]:
    """A line with its line feed, and its hash."""
    whole = {**content, "n": n, "prev": prev}
    digest = hashlib.sha256(rfc8785.dumps(whole)).hexdigest()
    return rfc8785.dumps({**whole, "hash": digest}) + b"\n", digest


def read(raw: bytes) -> Line:
    """Read one line, without its line feed, and check it against itself. Raises `Broken`."""
    try:
        line = _line.decode(raw)
        whole = msgspec.json.decode(raw)
        digest = whole.pop("hash")
        again = rfc8785.dumps(whole)
        canonical = rfc8785.dumps({**whole, "hash": digest})
    except (ValueError, rfc8785.CanonicalizationError, RecursionError) as error:
        # msgspec's errors are ValueErrors, as is that of bytes that are no UTF-8.
        raise Broken(f"it is no line of an audit log ({error})") from error
    if hashlib.sha256(again).hexdigest() != digest:
        raise Broken("it was changed: its hash is not that of its content")
    if canonical != raw:
        raise Broken("it was changed: it is not in canonical form")
    return line


def fingerprint(fragment: bytes) -> str:
    """How a line about a torn one names it."""
    return f"sha256:{hashlib.sha256(fragment).hexdigest()}"


class Follower:
    """Follows the lines one by one and raises at the first that does not fit.

    Args:
        mark: number of a line whose hash is to be kept.

    Attributes:
        marked: that hash; "" where no such line came.
        first, last: numbers of the first and the newest line that fitted; 0 before.
        hash: of the newest.
        stands: (epoch, seq) of the ledger -> its hash as the lines say it, and the first such line.
        torn: how many lines were torn and are accounted for by the one after.
        open_end: bytes at the end that are no line, and that nothing accounts for yet.
    """

    def __init__(self, mark: int = 0) -> None:
        self.marked = ""
        self._mark = mark
        self.first = self.last = self.torn = 0
        self.hash = ""
        self.open_end = b""
        self.stands: dict[tuple[int, int], tuple[str, int]] = {}
        self._newest = (0, 0)
        self._why = ""
        self._ended = True

    def feed(self, raw: bytes, *, ended: bool = True) -> Line | None:
        """Take the next line, without its line feed; `ended`: it had one. Raises `Broken`."""
        self._ended = ended
        try:
            line = read(raw)
        except Broken as error:
            # It may be one that a crash tore; then the next line says so. Several, where a power
            # cut left more than one behind.
            self._why = self._why or f"line {self.last + 1}: {error}"
            self.open_end += raw + b"\n"
            return None
        self._settle_torn(line)
        self._refuse_misfit(line)
        self.first = self.first or line.n
        self.last, self.hash = line.n, line.hash
        if line.n == self._mark:
            self.marked = line.hash
        stand = (line.ledger.epoch, line.ledger.seq)
        self._newest = stand
        known, _ = self.stands.setdefault(stand, (line.ledger.hash, line.n))
        if known != line.ledger.hash:
            raise Broken(f"line {line.n}: entry {line.ledger.seq} of the ledger has two hashes")
        return line

    def end(self) -> None:
        """No more lines. Raises `Broken` where the last one was changed, and not merely torn."""
        if self.open_end and self._ended:
            raise Broken(self._why)

    def _settle_torn(self, line: Line) -> None:
        if not self.open_end:
            return
        if line.what != TORN or not line.detail.endswith(fingerprint(self.open_end)):
            raise Broken(self._why)
        self.open_end, self._why = b"", ""
        self.torn += 1

    def _refuse_misfit(self, line: Line) -> None:
        if not self.last:
            if line.n == 1 and line.prev != GENESIS:
                raise Broken("line 1: it is not the first of its log")
            return
        if line.n > self.last + 1:
            raise Broken(f"line {self.last + 1} is missing: {self.last} is followed by {line.n}")
        if line.n <= self.last:
            raise Broken(f"line {line.n} is out of order: it stands after line {self.last}")
        if line.prev != self.hash:
            raise Broken(f"line {line.n}: it does not follow line {self.last} as it stands here")
        if (line.ledger.epoch, line.ledger.seq) < self._newest:
            raise Broken(f"line {line.n}: the ledger cannot have stood before line {self.last}'s")
