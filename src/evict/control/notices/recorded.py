# SPDX-License-Identifier: Apache-2.0
"""What is told goes into the audit log, and so to syslog, once each time that it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from evict.control.audit.record import Note, Record, Result
from evict.control.notices.news import News, NewsKind
from evict.core.errors import AuditNotWritten

log = structlog.get_logger()

_RESULTS: Final = {
    NewsKind.DONE: Result.DONE,
    NewsKind.HELD: Result.HELD,
    NewsKind.OVERDUE: Result.FAILED,
    NewsKind.REOPENED: Result.DONE,
    NewsKind.ALARM: Result.FAILED,
}


def record_of(news: News) -> Record:
    return Record(
        who="evict",
        what=f"news.{news.kind}",
        result=_RESULTS[news.kind],
        on=(news.account,) if news.account else (),
        detail="; ".join((news.subject, *news.lines)),
    )


async def noted(note: Note, told: Sequence[News]) -> None:
    """Where it cannot be written, people are told all the same."""
    results = await asyncio.gather(
        *(note(record_of(news)) for news in told), return_exceptions=True
    )
    lost = [result for result in results if isinstance(result, Exception)]
    for error in lost:
        if not isinstance(error, AuditNotWritten):
            log.error("notices.fault", exc_info=error)
    if lost:
        log.error("audit.lost", what="news", records=len(lost))
