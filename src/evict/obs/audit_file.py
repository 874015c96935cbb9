# SPDX-License-Identifier: Apache-2.0
"""The audit log's file: appended to, never changed, and repaired without hiding what was torn.

Synchronous, for one thread. The file may be renamed at any time: the next line goes into a new one
and follows the last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from evict.obs.audit_chain import GENESIS, TORN, Broken, Line, fingerprint, read, seal

_RENAMED: Final = re.compile(r"[.-]\d[\d.T-]*(\.gz)?")
_BLOCK: Final = 64 * 1024
MAX_LINE: Final = 4 * 1024 * 1024
"""Bytes. What is longer at the end of a file is no line of ours."""


class _Numbered(Struct):
    """As much of a line as tells where it stands: far back in a log each line costs time."""

    n: int


_number: Final = msgspec.json.Decoder(_Numbered)


class AuditFile:
    """Appends sealed lines; durable when `write` returns.

    Args:
        last, digest: number and hash of the newest line that the ledger knows of.

    Attributes:
        last, digest: of the newest line written.
    """

    def __init__(self, path: Path, *, last: int = 0, digest: str = GENESIS) -> None:
        self.path = path
        self.last = last
        self.digest = digest
        self._handle: int | None = None
        self._torn = b""
        self._remarks: list[tuple[str, str]] = []
        self._missed = 0
        self._first_missed = ""

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def write(self, contents: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Append what `seal` makes of these, in one write and one sync; the lines.

        Raises:
            OSError: none of them is in the log.
        """
        try:
            return self._write(contents)
        except OSError:
            self._first_missed = self._first_missed or str(contents[0]["at"])
            self._missed += len(contents)
            self.close()
            raise

    def _write(self, contents: Sequence[Mapping[str, Any]]) -> list[bytes]:
        handle = self._current()
        remarks = list(self._remarks)
        if self._missed:
            text = f"{self._missed} records could not be written from {self._first_missed} on"
            remarks.append(("audit.missed", text))
        said = [_remark(contents[0], *remark) for remark in remarks]
        lines, last, digest = [], self.last, self.digest
        for content in (*said, *contents):
            line, digest = seal(content, n=last + 1, prev=digest)
            last += 1
            lines.append(line)
        _append(handle, _ending(self._torn) + b"".join(lines))
        self.last, self.digest = last, digest
        self._remarks, self._torn = [], b""
        self._missed, self._first_missed = 0, ""
        return lines

    def _current(self) -> int:
        """The open file, opened anew where another one, or none, has its name by now."""
        if self._handle is not None:
            held = os.fstat(self._handle)
            try:
                named = self.path.lstat()
            except FileNotFoundError:
                named = None
            if named is not None and (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino):
                return self._handle
            self.close()
        self._handle = handle = self._open()
        return handle

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        is_new = not self.path.exists()
        handle = os.open(self.path, flags, 0o640)
        try:
            if is_new:
                _sync_folder(self.path.parent)
            self._take_up()
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _take_up(self) -> None:
        """Find where the log ends, and what there is to say of its end."""
        self._remarks, self._torn = [], b""
        line, torn = tail(self.path)
        file = self.path
        if line is None and not torn:
            line, file = _newest_beside(self.path)
        self._torn = torn
        if (whole := _whole(torn)) is not None:  # only its line feed is missing
            line = whole
        elif torn:
            kept = f"{len(torn)} bytes before this line were not written to their end"
            self._remarks.append((TORN, f"{kept}; {fingerprint(torn + _ending(torn))}"))
        if line is not None and line.n >= self.last:
            self._go_on_from(line, file)
        elif line is not None:
            text = f"the file ended with line {line.n}, and line {self.last} was written before"
            self._remarks.append(("audit.gap", text))

    def _go_on_from(self, line: Line, file: Path) -> None:
        """Follow this line, unless what was written before it is not what stands there now.

        Then the next one follows what was written, and everybody who verifies sees the break.
        """
        known = _numbered(file, self.last) if line.n > self.last > 0 else line
        if self.last == 0 or known is None or known.hash == self.digest:
            self.digest = line.hash
        else:
            text = f"line {self.last}, or one before it, is not as it was written"
            self._remarks.append(("audit.changed", text))
        self.last = line.n


def _whole(raw: bytes) -> Line | None:
    try:
        return read(raw)
    except Broken:
        return None


def tail(path: Path) -> tuple[Line | None, bytes]:
    """The newest whole line of a file, and the bytes after it that are none."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        held = b""
        while end > 0 and len(held) <= MAX_LINE:
            held = _block_before(stream, end) + held
            end = max(0, end - _BLOCK)
            found = _newest_line(held, whole=end == 0)
            if found is not None:
                return found
    return None, held


def _block_before(stream: BinaryIO, end: int) -> bytes:
    start = max(0, end - _BLOCK)
    stream.seek(start)
    return stream.read(end - start)


def _newest_line(held: bytes, *, whole: bool) -> tuple[Line, bytes] | None:
    """Looks from the end for a line that holds; the first of `held` may be cut unless `whole`."""
    stop = len(held)
    while (feed := held.rfind(b"\n", 0, stop)) >= 0:
        start = held.rfind(b"\n", 0, feed) + 1
        if start == 0 and not whole:
            return None
        try:
            return read(held[start:feed]), held[feed + 1 :]
        except Broken:
            stop = feed
    return None


def beside(path: Path) -> list[Path]:
    """What the file was renamed to: `.1`, `.1.gz`, `-20261124`, ... and no `.bak` or `~`."""
    files = path.parent.glob(f"{path.name}?*")
    return [f for f in files if _RENAMED.fullmatch(f.name[len(path.name) :]) and f.is_file()]


def _numbered(path: Path, number: int) -> Line | None:
    """The line of that number, looked for from the end; None: it is not in this file."""
    for raw in _lines_back(path):
        try:
            at = _number.decode(raw).n
        except msgspec.MsgspecError:
            continue
        if at <= number:
            return _whole(raw) if at == number else None
    return None


def _lines_back(path: Path) -> Iterator[bytes]:
    """The lines of a file without their line feeds, the last one first."""
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        held = b""
        while end > 0:
            held = _block_before(stream, end) + held
            end = max(0, end - _BLOCK)
            first, *rest = held.split(b"\n")
            yield from reversed(rest)
            held = first
        yield held


def _newest_beside(path: Path) -> tuple[Line | None, Path]:
    """The newest line of the files that this one was renamed to before, and which of them."""
    found: Line | None = None
    file = path
    for other in beside(path):
        if other.suffix == ".gz":
            continue
        line, _ = tail(other)
        if line is not None and (found is None or line.n > found.n):
            found, file = line, other
    return found, file


def _ending(torn: bytes) -> bytes:
    """What makes a line of its own of what was torn."""
    return b"\n" if torn and not torn.endswith(b"\n") else b""


def _append(handle: int, data: bytes) -> None:
    before = os.fstat(handle).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(handle, view) :]
        os.fdatasync(handle)
    except OSError:
        # Where even that fails (chattr +a allows no cut), the next open finds a torn end.
        _cut(handle, before)
        raise


def _cut(handle: int, size: int) -> None:
    try:
        os.ftruncate(handle, size)
    except OSError:
        return


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remark(like: Mapping[str, Any], what: str, detail: str) -> dict[str, Any]:
    """What the log says of itself, at the same instant as the record after it."""
    return {
        "at": like["at"],
        "case": 0,
        "detail": detail,
        "from": "",
        "ledger": like["ledger"],
        "on": (),
        "result": "done",
        "what": what,
        "who": "evict",
        "why": "",
    }
