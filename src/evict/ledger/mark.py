# SPDX-License-Identifier: Apache-2.0
"""A mark beside the ledger: how far it certainly reached.

SQLite takes a damaged page at the end of its log for a write that a power cut tore, and drops it
without a word: the last revocations would be gone, and their accounts open. So the newest durable
entry is noted in a file of its own, after each commit and without a sync. The mark may lag behind
after a power cut; it is never ahead. A ledger that ends before its mark has lost entries.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

from evict.core.errors import LedgerDamaged

_MAGIC: Final = b"evictmk1"
_SIZE: Final = len(_MAGIC) + 8 + 32 + 32


def mark_path(ledger: Path) -> Path:
    return ledger.with_name(ledger.name + "-mark")


def read_mark(ledger: Path) -> tuple[int, bytes] | None:
    """Sequence number and hash; None where it was never written, or is not intact."""
    try:
        content = mark_path(ledger).read_bytes()
    except FileNotFoundError:
        return None
    head, digest = content[:-32], content[-32:]
    if len(content) != _SIZE or hashlib.sha256(head).digest() != digest:
        return None
    return int.from_bytes(head[8:16], "big"), head[16:]


class Mark:
    """The open mark file of one ledger; only who holds the ledger's lock opens it."""

    def __init__(self, ledger: Path) -> None:
        self._fd = os.open(mark_path(ledger), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, seq: int, digest: bytes) -> None:
        """Note an entry that is durable. Never fails: the entry itself is stored."""
        head = _MAGIC + seq.to_bytes(8, "big") + digest
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, head + hashlib.sha256(head).digest(), 0)

    def close(self) -> None:
        os.close(self._fd)


def refuse_a_lost_file(path: Path) -> None:
    """Raise `LedgerDamaged` where entries were marked and the ledger's file is not there."""
    mark = read_mark(path)
    if mark and mark[0] and not (path.exists() and path.stat().st_size):
        raise LedgerDamaged(
            f"the ledger {path} is gone, and it had {mark[0]} entries: restore a backup",
            seq=mark[0],
        )
