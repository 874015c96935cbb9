# SPDX-License-Identifier: Apache-2.0
"""The journal as the controller speaks to it: one call a step of a case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from evict.core.measure import BeforeImage, Effect, Measure
from evict.ledger.journal import CASE_CLOSED, CASE_OPENED, CaseEvent, Journal, KeptImage


class Report(Protocol):
    """What is kept of the end of a look at all doors."""

    @property
    def verdict(self) -> str: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def evidence(self) -> str: ...


class StoredFile(Protocol):
    """Where a piece of evidence was written; `digest` is hex SHA-256."""

    @property
    def path(self) -> Path: ...
    @property
    def digest(self) -> str: ...


class Closed(Struct, frozen=True, kw_only=True):
    """How a case ended the last time."""

    at: datetime
    verdict: str
    exit_code: int
    evidence: str


class CaseJournal:
    """Each method returns once its row is durable, and raises `LedgerFull` where it is not.

    Args:
        run: runs a function in the ledger's thread.
    """

    def __init__(self, journal: Journal, run: Callable[..., Awaitable[Any]]) -> None:
        self._journal = journal
        self._run = run

    async def opened(self, account: str, generation: int) -> None:
        await self._record(account, generation, CASE_OPENED)

    async def intent(self, account: str, generation: int, measure: Measure) -> None:
        """A measure is about to be sent; its before-image is kept in the same transaction.

        Nothing is known of it until its effect is recorded.
        """
        event = CaseEvent(
            account=account, generation=generation, kind="measure.intended", subject=measure.id
        )
        images = []
        if measure.image is not None:
            images = [KeptImage(account=account, generation=generation, image=measure.image)]
        await self._run(self._journal.record, (event,), images)

    async def effect(self, account: str, generation: int, effect: Effect) -> None:
        """What came of it. The sentence is left out: it may name somebody, and events stay."""
        await self._record(account, generation, f"measure.{effect.kind}", effect.measure)

    async def closed(self, account: str, generation: int, report: Report) -> None:
        """The case is at rest: it is not taken up again at the next start."""
        await self._record(
            account,
            generation,
            CASE_CLOSED,
            verdict=str(report.verdict),
            exit_code=int(report.exit_code),
            evidence=report.evidence,
        )

    async def last_closed(self, account: str, generation: int) -> Closed | None:
        event: CaseEvent | None = await self._run(self._journal.last_closed, account, generation)
        if event is None or event.at is None:
            return None
        data = event.data
        return Closed(
            at=event.at,
            verdict=str(data["verdict"]),
            exit_code=int(str(data["exit_code"])),
            evidence=str(data["evidence"]),
        )

    async def evidence(self, account: str, generation: int, stored: StoredFile) -> None:
        await self._run(
            self._journal.record_evidence, account, generation, str(stored.path), stored.digest
        )

    async def images(self, account: str, generation: int) -> tuple[BeforeImage, ...]:
        """In the order in which they were taken. Raises `LedgerDamaged`."""
        return tuple(await self._run(self._journal.images, account, generation))

    async def events(self, account: str, generation: int) -> tuple[CaseEvent, ...]:
        return tuple(await self._run(self._journal.events, account, generation))

    async def _record(
        self, account: str, generation: int, kind: str, subject: str = "", **data: object
    ) -> None:
        event = CaseEvent(
            account=account, generation=generation, kind=kind, subject=subject, data=data
        )
        await self._run(self._journal.record, (event,))
