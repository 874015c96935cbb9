# SPDX-License-Identifier: Apache-2.0
"""The one connection to the ledger's SQLite file: it alone writes, and it alone checkpoints.

Nothing that a transaction wrote is believed before its COMMIT came back. After a failed one the
connection is closed, and the next write begins by reading the file anew.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import apsw

from evict.core.errors import Bug, ConfigError, LedgerDamaged, LedgerError, LedgerFull

LOG_BYTES: Final = 4 * 1024 * 1024
"""The write-ahead log is laid out this long, so that a commit changes no file size.

Measured: ext4 on a KVM disk, fdatasync of 8 KiB 205 us where the file grows, 112 us where not.
"""
CHECKPOINT_PAGES: Final = 900
"""Pages in the log after which a checkpoint is due; they fit in `LOG_BYTES`."""

_FILES: Final = resources.files("evict.ledger")
SCHEMAS: Final = tuple(
    _FILES.joinpath(name).read_text("utf-8") for name in ("schema.sql", "upgrade-2.sql")
)
"""The first makes a ledger of version 1, each other one the next version of the one before."""


class Database:
    """Opens the file, locks it, and runs transactions. Used from one thread.

    Args:
        create: make the file where there is none; else that is a `ConfigError`.

    Raises:
        LedgerError: another process has it open.
        LedgerDamaged: it is not an SQLite file.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.reload: Callable[[], None] = _nothing
        self._connection: apsw.Connection | None = None
        self.failed = False
        self._suspect = False
        self._log_pages = 0
        if not path.exists():
            if not create:
                raise ConfigError(f"there is no ledger at {path}")
            if not path.parent.is_dir():
                raise ConfigError(f"the ledger's folder {path.parent} does not exist")
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._open()

    @property
    def connection(self) -> apsw.Connection:
        """Raises `LedgerFull` while the file cannot be opened."""
        if self._connection is None:
            raise LedgerFull(f"the ledger {self.path} cannot be read at the moment")
        return self._connection

    @property
    def checkpoint_due(self) -> bool:
        return self._log_pages >= CHECKPOINT_PAGES

    @property
    def checkpoint_overdue(self) -> bool:
        """The log grew so long that an append had better wait for a checkpoint."""
        return self._log_pages >= 20 * CHECKPOINT_PAGES

    def read(self, sql: str, values: Sequence[apsw.SQLiteValue] = ()) -> list[tuple[object, ...]]:
        """All rows of a query. Raises `LedgerDamaged`, `LedgerFull`."""
        try:
            return list(self.connection.execute(sql, values))
        except apsw.Error as error:
            raise _told(error, self.path) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """One transaction, durable once the block is left without an error.

        Raises:
            LedgerFull: it was not stored, as far as can be told.
        """
        self.settle()
        connection = self.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
            self.failed = False
        except apsw.Error as error:
            self._suspect = self.failed = True
            raise _told(error, self.path) from error
        finally:
            if connection.in_transaction:
                with contextlib.suppress(apsw.Error):  # the first error is the one to tell
                    connection.execute("ROLLBACK")

    def settle(self) -> None:
        """After a failed transaction: read from the file what is true; else do nothing.

        A commit whose fdatasync failed may lie in the log all the same, and the kernel may call
        its pages clean without having written them. So the log is copied into the main file,
        with an fdatasync of its own, before anything read from it is believed.

        Raises:
            LedgerFull: that cannot be done yet.
        """
        if not self._suspect:
            return
        self._shut()
        try:
            self._open()
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise _told(error, self.path) from error
        self.reload()
        self._suspect = False
        self._lay_out_log()

    def checkpoint(self, *, empty_log: bool = False) -> bool:
        """Copy the log into the main file; False: not possible now, and nothing was lost.

        Args:
            empty_log: truncate the log as well, so that nothing erased is left in it.
        """
        mode = apsw.SQLITE_CHECKPOINT_TRUNCATE if empty_log else apsw.SQLITE_CHECKPOINT_PASSIVE
        try:
            pages, copied = self.connection.wal_checkpoint(mode=mode)
        except apsw.Error:
            return False
        self._log_pages = pages - copied
        if empty_log:
            self._lay_out_log()
        return pages == copied

    def close(self) -> None:
        """Checkpoint, so that one file holds everything, and let go of the lock."""
        self._shut()

    def _open(self) -> None:
        try:
            self._connection = connection = apsw.Connection(
                str(self.path), flags=apsw.SQLITE_OPEN_READWRITE
            )
            connection.pragma("locking_mode", "EXCLUSIVE")
            if connection.pragma("journal_mode", "WAL") != "wal":
                raise LedgerError(f"the file system of {self.path} cannot hold a write-ahead log")
            connection.pragma("synchronous", "FULL")
            connection.pragma("secure_delete", "ON")
            connection.pragma("cell_size_check", "ON")
            # Without it, REPLACE removes rows past the triggers that forbid it.
            connection.pragma("recursive_triggers", "ON")
            connection.set_wal_hook(self._committed)
            # The lock is taken by the first transaction, and kept.
            connection.execute("BEGIN IMMEDIATE; COMMIT")
        except apsw.Error as error:
            self._shut()
            raise _told(error, self.path) from error
        self._lay_out_log()

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(apsw.Error):  # its closing checkpoint is a courtesy
                connection.close()

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _lay_out_log(self) -> None:
        """Append zeros to the log: no frame begins with them, so SQLite reads nothing there.

        Spec: SQLite file format section 4.1 (a frame counts only with the header's salts and a
        fitting checksum). Closing this descriptor drops no lock: SQLite's are on the main file.
        """
        log = self.path.with_name(self.path.name + "-wal")
        # A disk too full for it makes commits slower, not wrong.
        with contextlib.suppress(OSError), log.open("r+b") as file:
            missing = LOG_BYTES - file.seek(0, os.SEEK_END)
            if missing > 0:
                file.write(bytes(missing))
                file.flush()
                os.fsync(file.fileno())


def _nothing() -> None:
    pass


def _told(error: apsw.Error, path: Path) -> Exception:
    """Our error for one of SQLite's."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return LedgerError(f"the ledger {path} is open in another process")
        case apsw.CorruptError() | apsw.NotADBError():
            return LedgerDamaged(f"the ledger {path} is damaged: {error}")
        case apsw.ConstraintError() | apsw.SQLError():
            return Bug(f"the ledger {path} refused a statement: {error}")
        case _:
            return LedgerFull(f"the ledger {path} was not written: {error}")
