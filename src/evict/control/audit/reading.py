# SPDX-License-Identifier: Apache-2.0
"""Reads the audit log back: all of its files, in order, and the proof that nothing was changed."""

from __future__ import annotations

import gzip
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from evict.core.errors import AuditDamaged, ConfigError
from evict.obs.audit_chain import Broken, Follower, read
from evict.obs.audit_file import beside

_TRIES: Final = 5
_PAUSE_S: Final = 0.3


class Verified(Struct, frozen=True, kw_only=True):
    """What a whole log came to.

    Attributes:
        first, last: numbers of its lines; what was before `first` is not here.
        torn: lines that a crash tore, each accounted for by the one after it.
        unfinished: bytes at the end that the next start will account for.
        unbound: lines that stand by entries of the ledger that a restore from a backup lost.
    """

    files: tuple[str, ...]
    first: int
    last: int
    torn: int
    unfinished: int
    unbound: int


def files_of(path: Path) -> list[Path]:
    """The log's files, oldest lines first: what the file was renamed to, and the file itself.

    Empty where nothing was ever noted. Raises `ConfigError` where it may not be read.
    """
    try:
        files = [*beside(path), *([path] if path.is_file() else [])]
        found = [(_first_number(file), file) for file in files]
    except OSError as error:
        raise ConfigError(f"{path}: the audit log cannot be read: {error.strerror}") from error
    return [file for _, file in sorted(found, key=lambda pair: (pair[0], pair[1] == path))]


def _first_number(file: Path) -> int:
    for raw, _ in lines_of(file):
        try:
            return read(raw).n
        except Broken:
            continue
    return 0


def lines_of(file: Path) -> Iterator[tuple[bytes, bool]]:
    """Every line without its line feed, and whether it had one. Raises `AuditDamaged`."""
    try:
        with _opened(file) as stream:
            for raw in stream:
                yield raw.removesuffix(b"\n"), raw.endswith(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise AuditDamaged(f"{file}: the compressed file is damaged: {error}") from error


def whole(path: Path, mark: int) -> tuple[list[Path], Follower]:
    """Read and check all files of a log that may be renamed or compressed at this moment.

    Args:
        mark: number of the newest line that the ledger knows of.

    Raises:
        AuditDamaged: with file and line.
        ConfigError: it may not be read.
    """
    for _ in range(_TRIES - 1):
        before = _inodes(path)
        try:
            files = files_of(path)
            return files, follow(files, mark)
        except (AuditDamaged, FileNotFoundError):
            time.sleep(_PAUSE_S)
            if _inodes(path) == before:
                raise
    files = files_of(path)
    return files, follow(files, mark)


def _inodes(path: Path) -> set[tuple[str, int, int]]:
    """Tells whether somebody is at work here; the file that grows tells nothing by its size."""
    found = {(f.name, f.stat().st_ino, f.stat().st_size) for f in beside(path)}
    return found | ({(path.name, path.stat().st_ino, 0)} if path.exists() else set())


def _opened(file: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")


def follow(files: list[Path], mark: int = 0) -> Follower:
    """Read everything and check every line. Raises `AuditDamaged` with file and line."""
    follower = Follower(mark)
    for file in files:
        try:
            for raw, ended in lines_of(file):
                follower.feed(raw, ended=ended)
        except Broken as error:
            raise AuditDamaged(f"the audit log is damaged in {file}: {error}") from error
    try:
        follower.end()
    except Broken as error:
        raise AuditDamaged(f"the audit log is damaged in {files[-1]}: {error}") from error
    return follower


def judge(
    follower: Follower,
    files: list[Path],
    *,
    hashes: Mapping[int, str | None],
    epoch: int,
    newest: tuple[int, str] | None,
) -> Verified:
    """Hold what was read against the ledger.

    Args:
        hashes: hash of each of the ledger's entries that the log names; None: there is none.
        epoch: the ledger's.
        newest: number and hash of the newest line that the ledger knows of.

    Raises:
        AuditDamaged: says which line.
    """
    unbound = 0
    for (of, seq), (digest, line) in follower.stands.items():
        if hashes.get(seq) == digest:
            continue
        if of < epoch:  # a backup was put in the ledger's place since, and adopted
            unbound += 1
            continue
        raise AuditDamaged(
            f"the audit log is damaged at line {line}: it stands by entry {seq} of a ledger, and"
            " in this one that entry is another, or there is none"
        )
    if newest is not None and newest[0] > follower.last:
        raise AuditDamaged(
            f"the audit log is damaged: it ends with line {follower.last}, and the ledger knows of"
            f" {newest[0]}: the last ones were removed"
        )
    if newest is not None and newest[0] >= follower.first and newest[1] != follower.marked:
        raise AuditDamaged(
            f"the audit log is damaged at line {newest[0]} or before: the ledger knows it with"
            " another hash, so it was written anew"
        )
    return Verified(
        files=tuple(str(file) for file in files),
        first=follower.first,
        last=follower.last,
        torn=follower.torn,
        unfinished=len(follower.open_end),
        unbound=unbound,
    )


def shown(
    files: list[Path], *, on: frozenset[str], since: datetime | None, most: int
) -> list[dict[str, Any]]:
    """The newest records on these accounts (empty: on all), oldest first."""
    found: deque[dict[str, Any]] = deque(maxlen=max(1, most))
    after = None if since is None else since.timestamp()
    for file in files:
        for raw, _ in lines_of(file):
            try:
                fields = msgspec.json.decode(raw)
                at = datetime.fromisoformat(fields["at"]).timestamp()
                about = fields["on"]
            except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
                continue
            if (after is None or at >= after) and (not on or not on.isdisjoint(about)):
                found.append(fields)
    return list(found)
