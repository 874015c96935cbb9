# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there: the map of closed names, the book of cookies."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def replace(path: Path, lines: Iterable[str], *, mode: int | None = None) -> None:
    """Write a file in the place of another one, durably. Raises `OSError`; the old one stays.

    Args:
        mode: None keeps the mode and the group of the one that is there; a new one has 0640.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(lines)
            file.flush()
            _permit(file.fileno(), path, mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _permit(descriptor: int, path: Path, mode: int | None) -> None:
    if mode is not None:
        os.fchmod(descriptor, mode)
        return
    try:
        before = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o640)
        return
    if before.st_gid != os.fstat(descriptor).st_gid:
        os.fchown(descriptor, -1, before.st_gid)
    os.fchmod(descriptor, before.st_mode & 0o777)


def append(path: Path, lines: Iterable[str]) -> None:
    """Add to a file of mode 0600, durably. Raises `OSError`."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
