# SPDX-License-Identifier: Apache-2.0
"""A disk under SQLite that counts, fails when told to, and forgets what was not synced."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import apsw

_names = itertools.count()


class Disk(apsw.VFS):
    """The default VFS while it is plugged in.

    Attributes:
        syncs, writes: how many there were.
        fail_at: number of the call (writes and syncs counted together) from which on `error` is
            raised; None: never.
        failing_calls: how many calls fail before the disk is well again.
        durable: file name -> content at its last sync.
    """

    def __init__(self) -> None:
        self.name = f"disk-{next(_names)}"
        super().__init__(self.name, base="unix", makedefault=True)
        self.syncs = self.writes = self.calls = 0
        self.fail_at: int | None = None
        self.failing_calls = 10**9
        self.error: type[apsw.Error] = apsw.FullError
        self.durable: dict[str, bytes] = {}

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's signature
        super().xDelete(name, syncdir)
        self.durable.pop(name, None)

    def strike(self) -> None:
        self.calls += 1
        if self.fail_at is not None and 0 <= self.calls - self.fail_at < self.failing_calls:
            raise self.error("the disk fails")

    def break_from_now_on(self, error: type[apsw.Error], calls: int = 10**9) -> None:
        self.fail_at, self.error, self.failing_calls = self.calls + 1, error, calls

    def mend(self) -> None:
        self.fail_at = None

    def cut_power(self, into: Path) -> Path:
        """Write what a power cut would have left into a fresh folder; the ledger's path there."""
        into.mkdir()
        for name, content in self.durable.items():
            (into / Path(name).name).write_bytes(content)
        return into / "ledger.db"


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.writes += 1
        self._disk.strike()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.syncs += 1
        self._disk.strike()
        super().xSync(flags)
        self._disk.durable[self._path] = Path(self._path).read_bytes()


@contextlib.contextmanager
def plugged_in() -> Iterator[Disk]:
    disk = Disk()
    try:
        yield disk
    finally:
        disk.mend()
        disk.unregister()
