# SPDX-License-Identifier: Apache-2.0
"""Copies of the ledger, and the way back from one.

A copy is older than the truth: whoever was revoked after it would be let in. So every copy carries
"needs adoption" in itself, however it comes to stand in the ledger's place, and the store refuses
it until somebody adopts it on purpose.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import apsw

from evict.core.errors import LedgerDamaged, LedgerError, LedgerFull, UsageError
from evict.core.revocation import Entry, Personal
from evict.ledger.load import NEEDS_ADOPTION, load
from evict.ledger.mark import mark_path
from evict.ledger.state import Head
from evict.ledger.store import LedgerStore, utc_now

_STEP_PAGES: Final = 256
"""Pages copied between two appends: 1 MiB."""


class OnlineBackup:
    """A copy taken page by page, while the store goes on appending between two steps.

    Entries appended meanwhile are in the copy too. Used from the ledger's thread.

    Raises:
        UsageError: there is a file at `path` already.
    """

    def __init__(self, store: LedgerStore, path: Path) -> None:
        if path.exists():
            raise UsageError(f"{path} exists: a backup overwrites nothing")
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        try:
            self._partial.unlink(missing_ok=True)
            os.close(os.open(self._partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._target = apsw.Connection(str(self._partial))
            self._copy = self._target.backup("main", store.database.connection, "main")
        except (apsw.Error, OSError) as error:
            raise LedgerFull(f"the backup {path} cannot be written: {error}") from error

    def step(self) -> bool:
        """Copy some more; True: everything was copied."""
        try:
            return self._copy.step(_STEP_PAGES)
        except apsw.Error as error:
            self.abandon()
            raise LedgerFull(f"the backup {self._path} was not written: {error}") from error

    def finish(self) -> Head:
        """Mark the copy, sync it, verify it and give it its name; what it holds."""
        try:
            self._copy.finish()
            # One plain file: a copy is carried about.
            self._target.pragma("journal_mode", "DELETE")
            self._target.execute("UPDATE meta SET state = ?", (NEEDS_ADOPTION,))
            self._target.close()
            head = inspect(self._partial)
            _sync(self._partial)
            self._partial.rename(self._path)
            _sync(self._path.parent)
        except (apsw.Error, OSError) as error:
            self.abandon()
            raise LedgerFull(f"the backup {self._path} was not written: {error}") from error
        return head

    def abandon(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(apsw.Error):
            self._copy.close(force=True)
            self._target.close(force=True)
        self._partial.unlink(missing_ok=True)


def backup(store: LedgerStore, path: Path) -> Head:
    """Copy a ledger at one go."""
    copy = OnlineBackup(store, path)
    while not copy.step():
        pass
    return copy.finish()


def inspect(path: Path) -> Head:
    """Verify a backup as it lies there; changes nothing.

    Raises:
        LedgerDamaged: it does not verify, or is no ledger.
    """
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise LedgerDamaged(f"{path} cannot be read: {error}") from error
    try:
        return load(connection).state.head
    except apsw.Error as error:
        raise LedgerDamaged(f"{path} cannot be read: {error}") from error
    finally:
        connection.close()


def restore(
    source: Path, target: Path, *, replace: bool = False, now: Callable[[], datetime] = utc_now
) -> Path | None:
    """Put a backup in the ledger's place; it must be adopted before it can be used.

    Returns where the ledger that stood there before lies now; None where none did.

    Args:
        replace: there may be a ledger already: it is kept beside under another name.

    Raises:
        UsageError: there is a ledger already.
        LedgerError: another process has it open.
        LedgerDamaged: the backup does not verify.
    """
    inspect(source)
    stands = target.exists() or mark_path(target).exists()
    if stands and not replace:
        raise UsageError(
            f"there is a ledger at {target}: with --replace it is kept beside, and replaced"
        )
    if stands:
        _refuse_in_use(target)
    partial = target.with_name(target.name + ".partial")
    try:
        shutil.copyfile(source, partial)
        partial.chmod(0o600)
        connection = apsw.Connection(str(partial), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.execute("UPDATE meta SET state = ?", (NEEDS_ADOPTION,))
        connection.close()
        _sync(partial)
        kept = _move_aside(target, now()) if stands else None
        partial.rename(target)
        _sync(target.parent)
    except (apsw.Error, OSError) as error:
        raise LedgerFull(f"the ledger {target} was not restored: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return kept


def adopt(path: Path, *, reason: str, actor: str, now: Callable[[], datetime] = utc_now) -> Entry:
    """Take a restored ledger for the truth: appends an adoption, and a new epoch begins.

    Raises:
        UsageError: it needs no adoption, or no reason is given.
    """
    if not reason.strip():
        raise UsageError("an adoption needs a reason")
    with LedgerStore(path, create=False, unadopted=True, now=now) as store:
        return store.adopt(Personal(label="", forms=(), actor=actor, reason=reason))


def _move_aside(target: Path, at: datetime) -> Path:
    """Rename the ledger with its log and its mark, so that it can be looked at, or put back."""
    kept = target.with_name(f"{target.name}.before-{at:%Y%m%dT%H%M%S.%fZ}")
    for suffix in ("-mark", "-wal", "-shm", "-journal", ""):
        part = target.with_name(target.name + suffix)
        if part.exists():
            part.rename(kept.with_name(kept.name + suffix))
    return kept


def _refuse_in_use(path: Path) -> None:
    if not path.exists():
        return
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("locking_mode", "EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE; ROLLBACK")
    except apsw.BusyError as error:
        raise LedgerError(f"the ledger {path} is open in another process") from error
    except (apsw.CorruptError, apsw.NotADBError):
        return  # damaged: nobody can have it open, and it is kept all the same
    finally:
        connection.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
