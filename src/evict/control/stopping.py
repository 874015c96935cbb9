# SPDX-License-Identifier: Apache-2.0
"""What an orderly end within a bound needs, whatever hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog

from evict.control import api
from evict.core.access import Asker
from evict.core.errors import Interrupted

log = structlog.get_logger()

Answerer = Callable[[api.Request, Asker], AsyncIterator[api.Line]]


async def within(seconds: float, **steps: Coroutine[Any, Any, None]) -> None:
    """Run steps side by side; one that fails or is late is named in the log and left."""
    tasks = {asyncio.create_task(step, name=name) for name, step in steps.items()}
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
        log.warning("stop.late", step=task.get_name(), seconds=seconds)
    for task in done:
        if not task.cancelled() and task.exception() is not None:
            log.error("stop.failed", step=task.get_name(), exc_info=task.exception())


def loudly(task: asyncio.Task[None]) -> None:
    """Callback of a task that must not end by itself: the log says by what it did."""
    if not task.cancelled() and task.exception() is not None:
        log.error("loop.ended", loop=task.get_name(), exc_info=task.exception())


def until(asked: asyncio.Event, answer: Answerer) -> Answerer:
    """The same answers, and none any more once the end has begun."""

    async def guarded(request: api.Request, asker: Asker) -> AsyncIterator[api.Line]:
        if asked.is_set():
            raise Interrupted("`evict serve` is stopping: order again")
        async for line in answer(request, asker):
            yield line

    return guarded
