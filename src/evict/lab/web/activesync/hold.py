# SPDX-License-Identifier: Apache-2.0
"""A request that is held until something happens. Spec: MS-ASCMD, Ping; MS-ASHTTP 2.2.1.1.

It signs in at its start only: what happens to the account meanwhile is seen at the next request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from evict.lab.model.words import Protocol
from evict.lab.web.activesync.call import Call

_HEARTBEAT_OVER = "time-out"


class Held(Enum):
    """Why it ended."""

    CHANGED = "changed"
    EXPIRED = "expired"
    CUT = "cut"
    """By the server's side: the connection is gone."""
    LEFT = "left"
    """By the phone."""


async def hold(call: Call, seconds: float, changed: Callable[[], bool]) -> Held:
    """Wait for a change, for `seconds` of the organisation's clock at most."""
    organisation, connection = call.organisation, call.request.connection
    result: asyncio.Future[Held] = asyncio.get_running_loop().create_future()

    def settle(why: Held) -> None:
        if not result.done():
            result.set_result(why)

    def end(reason: str) -> None:
        settle(Held.EXPIRED if reason == _HEARTBEAT_OVER else Held.CUT)

    def look() -> None:
        if changed():
            settle(Held.CHANGED)

    session = organisation.sessions.open(
        call.access,
        pool=organisation.profile.pool_of(Protocol.ACTIVESYNC),
        on_end=end,
        holds_request=True,
        lasts_s=seconds,
    )
    watchers = call.access.mailbox.watchers
    watchers.add(look)
    forget = connection.on_close(lambda: settle(Held.LEFT))
    look()
    try:
        why = await result
    finally:
        forget()
        watchers.discard(look)
        organisation.sessions.close(session)
    if why is Held.CUT:
        connection.abort()
    return why
