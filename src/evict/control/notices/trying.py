# SPDX-License-Identifier: Apache-2.0
"""One delivery, and the test of all ways that `evict notify test` asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog

from evict.control import api
from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import NotDelivered, Notice, Way
from evict.core.access import Asker
from evict.core.errors import ExitCode, UsageError

log = structlog.get_logger()


async def sent(way: Way, name: str, notice: Notice) -> None:
    """Raises `NotDelivered`, and for a fault of ours too: the other notices must go on."""
    try:
        await way.send(notice)
    except NotDelivered:
        raise
    except Exception as error:
        log.exception("notices.fault", way=name)
        raise NotDelivered("a fault of ours: see the log") from error


async def try_all(
    ways: Mapping[str, Way], call: api.NotifyTest, asker: Asker
) -> AsyncIterator[api.Line]:
    """Send a test over each way now, beside the outbox, and say what came of it."""
    chosen = {name: way for name, way in ways.items() if call.way in ("", name)}
    if not chosen:
        missing = f"[notify.{call.way}]" if call.way else "[notify.mail] or [notify.webhook]"
        raise UsageError(f"nobody is to be told: set {missing}")
    results = await asyncio.gather(*(_try(n, w, asker) for n, w in chosen.items()))
    yield api.Answer(data=results)
    good = all(result["delivered"] for result in results)
    yield api.End(exit_code=ExitCode.OK if good else ExitCode.FAILED)


async def _try(name: str, way: Way, asker: Asker) -> dict[str, Any]:
    now, clock = datetime.now(UTC), asyncio.get_running_loop().time
    news = News(
        kind=NewsKind.ALARM,
        key=f"test/{uuid4().hex}",
        subject="this is a test",
        lines=(f"{asker.name} asked whether notices arrive. Nothing happened.",),
    )
    notice = Notice(id=f"msg_{uuid4().hex}", way=name, news=news, at=now, due=now)
    began, text = clock(), ""
    try:
        await sent(way, name, notice)
    except NotDelivered as error:
        text = error.text
    ms = round((clock() - began) * 1000, 1)
    return {"way": name, "delivered": not text, "text": text, "ms": ms}
