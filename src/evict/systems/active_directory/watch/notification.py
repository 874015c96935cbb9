# SPDX-License-Identifier: Apache-2.0
"""The change notification control, as a hint only: what it brings is not read, and it may be late.

Spec: MS-ADTS 3.1.1.3.4.1.9 (LDAP_SERVER_NOTIFICATION_OID): the filter must be `(objectClass=*)`,
the search never ends. Quirk: Samba 4.17 notifies within 11 to 55 ms where the writer sits on the
same process, and within 5 s otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from evict.core.errors import EvictError
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.watch.talk import Talk, question
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import SUBTREE, Control, Entry

log = structlog.get_logger()

OID: Final = b"1.2.840.113556.1.4.528"
CONTROL: Final[Control] = (OID, 1, b"")
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 300.0
_A_SECOND: Final = 5.0
"""Hints acted on: at a busy domain everything changes all the time, and polling must do."""


class Allowance:
    """How many hints may still be acted on. Time is an argument."""

    def __init__(self, a_second: float = _A_SECOND) -> None:
        self._a_second = a_second
        self._left = a_second
        self._at = 0.0

    def take(self, now: float) -> bool:
        self._left = min(self._a_second, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Hints:
    """Listens on a connection of its own for as long as it is open."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._allowance = Allowance()
        self._task: asyncio.Task[None] | None = None
        self._port: Port | None = None

    def listen(self, port: Port, naming_context: str) -> None:
        """Listen there, unless it does already."""
        if self._port is port:
            return
        self._cancel()
        self._port = port
        self._task = asyncio.create_task(self._listen(port, naming_context))

    async def wait(self, timeout_s: float) -> bool:
        """Whether a hint came before the time was over."""
        now = asyncio.get_running_loop().time()
        if not self._allowance.take(now):
            await asyncio.sleep(timeout_s)
            self._changed.clear()
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        hinted = self._changed.is_set()
        self._changed.clear()
        return hinted

    async def close(self) -> None:
        task = self._cancel()
        if task is not None:
            await asyncio.wait([task])

    def _cancel(self) -> asyncio.Task[None] | None:
        task, self._task, self._port = self._task, None, None
        if task is not None:
            task.cancel()
        return task

    async def _listen(self, port: Port, naming_context: str) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                if await self._hear(port, naming_context):
                    wait_s = _FIRST_WAIT_S
            except EvictError as error:
                log.debug("watch.no_hints", reason=error.text, again_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _hear(self, port: Port, naming_context: str) -> bool:
        """Whether anything was heard before the server ended it."""
        talk = await port.bound(Talk)
        heard = False
        asked = question(naming_context, SUBTREE, ANYTHING, ["1.1"], [CONTROL])
        try:
            async for answer in talk.listen(asked):
                if not isinstance(answer, Entry):
                    return heard
                heard = True
                self._changed.set()
        finally:
            talk.abort()
        return heard
