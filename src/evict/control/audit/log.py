# SPDX-License-Identifier: Apache-2.0
"""Keeps the audit log: records in, durable lines out, and the same lines to syslog."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import structlog
from msgspec import Struct, structs

from evict.control.audit.record import Record
from evict.core.errors import AuditNotWritten, EvictError
from evict.ledger.service import Ledger
from evict.obs.audit_chain import GENESIS
from evict.obs.audit_file import AuditFile
from evict.obs.escape import escape
from evict.obs.syslog import Syslog

log = structlog.get_logger()

SHELF: Final = "audit"
HEAD: Final = "head"
MOST_ON: Final = 500
"""Accounts in one line; a record on more is several lines."""
_MAX_TEXT: Final = 1024
"""Characters of a reason or a detail."""
_MAX_NAME: Final = 512
_BATCH: Final = 1000
_PATIENCE_S: Final = 10.0
"""A disk that hangs must not hold up whoever closes."""
_MOST_WAITING: Final = 100_000
_KEEP_HEAD_S: Final = 1.0
_TOKEN: Final = re.compile(r"evict_[a-z2-7]{8,}", re.IGNORECASE)


class Newest(Struct, frozen=True, kw_only=True):
    """The newest line as the ledger's file knows it, so that cutting lines off the end is seen."""

    n: int
    hash: str


class AuditLog:
    """Many may wait for `note`; they share one write and one sync.

    Attributes:
        trouble: why the newest batch could not be written; "" where it was.
        written: lines since the start.
        syslog: None: none is configured.
    """

    def __init__(
        self,
        file: AuditFile,
        ledger: Ledger,
        *,
        syslog: Syslog | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.syslog = syslog
        self.trouble = ""
        self.written = 0
        self._file = file
        self._ledger = ledger
        self._heads = ledger.shelf(SHELF, Newest)
        self._now = now or (lambda: datetime.now(UTC))
        self._waiting: deque[tuple[dict[str, Any], asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._ending = False
        self._kept = file.last
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._working = asyncio.create_task(self._work(), name="audit log")
        self._keeping = asyncio.create_task(self._keep_head(), name="audit head")

    @classmethod
    async def open(cls, path: Path, ledger: Ledger, *, syslog: Syslog | None = None) -> Self:
        """Nothing is written yet, so that a full disk keeps no service from its start."""
        head = await ledger.shelf(SHELF, Newest).get(HEAD)
        newest = head or Newest(n=0, hash=GENESIS)
        if syslog is not None:
            syslog.start()
        return cls(AuditFile(path, last=newest.n, digest=newest.hash), ledger, syslog=syslog)

    async def close(self) -> None:
        """Write what waits, keep the head, let go of the file. The ledger must be open still."""
        self._ending = True
        self._wake.set()
        await self._working
        self._keeping.cancel()
        await asyncio.wait({self._keeping})
        with contextlib.suppress(EvictError):
            await self._keep()
        if self.syslog is not None:
            await self.syslog.close()
        self._file.close()
        self._thread.shutdown(wait=False)

    async def note(self, record: Record) -> None:
        """Write one record; durable when it returns. Raises `AuditNotWritten`."""
        if self._ending:
            raise AuditNotWritten("the audit log is closed: the service ends")
        if len(self._waiting) >= _MOST_WAITING:
            raise AuditNotWritten(f"the audit log cannot be written: {self.trouble}")
        loop = asyncio.get_running_loop()
        futures = []
        for content in self._contents(record):
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.append((content, future))
            futures.append(future)
        self._wake.set()
        # A caller that is cancelled, or waits no longer, leaves its record to be written later.
        _, late = await asyncio.wait(futures, timeout=_PATIENCE_S)
        if late:
            self.trouble = f"{self._file.path}: no answer of the disk in {_PATIENCE_S:g} s"
            raise AuditNotWritten(f"the audit log is not written yet: {self.trouble}")
        for future in futures:
            future.result()

    def _contents(self, record: Record) -> Iterator[dict[str, Any]]:
        head = self._ledger.head
        at = self._now().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        for piece in _pieces(record):
            yield {
                "at": at,
                "case": piece.case,
                "detail": _clean(piece.detail, _MAX_TEXT),
                "from": _clean(piece.where, _MAX_NAME),
                "ledger": {"epoch": head.epoch, "seq": head.seq, "hash": head.hash.hex()},
                "on": [_clean(name, _MAX_NAME) for name in piece.on],
                "result": str(piece.result),
                "what": _clean(piece.what, _MAX_NAME),
                "who": _clean(piece.who, _MAX_NAME),
                "why": _clean(piece.why, _MAX_TEXT),
            }

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while not (self._ending and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                count = min(len(self._waiting), _BATCH)
                batch = [self._waiting.popleft() for _ in range(count)]
                contents = [content for content, _ in batch]
                try:
                    lines = await loop.run_in_executor(self._thread, self._file.write, contents)
                except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                    self._failed(batch, error)
                else:
                    self._done(batch, lines)

    def _done(
        self, batch: list[tuple[dict[str, Any], asyncio.Future[None]]], lines: list[bytes]
    ) -> None:
        self.trouble = ""
        self.written += len(lines)
        for _, future in batch:
            if not future.done():
                future.set_result(None)
        if self.syslog is not None:
            for line in lines:
                self.syslog.send(line)

    def _failed(
        self, batch: list[tuple[dict[str, Any], asyncio.Future[None]]], error: Exception
    ) -> None:
        why = error.strerror if isinstance(error, OSError) else None
        self.trouble = f"{self._file.path}: {why or type(error).__name__}"
        log.error("audit.not_written", records=len(batch), text=self.trouble)
        for _, future in batch:
            if not future.done():
                text = f"the audit log cannot be written: {self.trouble}"
                future.set_exception(AuditNotWritten(text))
                future.exception()  # where nobody waits any more, nobody asks for it either

    async def _keep_head(self) -> None:
        told = ""
        while True:
            await asyncio.sleep(_KEEP_HEAD_S)
            try:
                await self._keep()
            except EvictError as error:
                if error.code != told:
                    log.warning("audit.head_not_kept", code=error.code)
                told = error.code
            else:
                told = ""

    async def _keep(self) -> None:
        """Tell the ledger's file how far the log got: only ever after the log is durable."""
        last, digest = self._file.last, self._file.digest
        if last != self._kept:
            await self._heads.change(put={HEAD: Newest(n=last, hash=digest)})
            self._kept = last


def _pieces(record: Record) -> Iterator[Record]:
    if len(record.on) <= MOST_ON:
        yield record
        return
    count = -(-len(record.on) // MOST_ON)
    for number in range(count):
        part = f"part {number + 1} of {count}"
        detail = f"{record.detail[: _MAX_TEXT - 40]} ({part})" if record.detail else part
        on = record.on[number * MOST_ON : (number + 1) * MOST_ON]
        yield structs.replace(record, on=on, detail=detail)


def _clean(text: str, most: int) -> str:
    """Harmless on a terminal, bounded, and without a token that was pasted in a wrong place."""
    text = _TOKEN.sub("evict_***", text[: most * 2])
    text = escape(text)
    return text if len(text) <= most else text[: most - 1] + "…"
