# SPDX-License-Identifier: Apache-2.0
"""Follows the control plane's feed: applies, acknowledges, then tells the cutters; reconnects.

It owns its socket instead of a transport, for one reason: `drain` can read what has arrived at any
moment. The hooks call it after a question was read and before they decide, so that a question asked
after a push is never answered from before it, whatever order the event loop serves its sockets in.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from evict.agent.announced import Alarm
from evict.agent.replica import Change, Replica
from evict.core.errors import LedgerDamaged, RemoteProtocolError
from evict.ledger.feed import (
    ANNOUNCED,
    Acknowledge,
    Announced,
    Beat,
    CutAgain,
    CutStep,
    Entries,
    Frames,
    FromAgent,
    Hello,
    Listed,
    decode_from_control,
    encode,
)

MAX_UNSENT: Final = 64 * 1024 * 1024
"""Bytes. A control plane that reads nothing is left, and met anew."""
BEAT_S: Final = 5.0
FIRST_RETRY_S: Final = 0.05
LONGEST_RETRY_S: Final = 1.0
_READ: Final = 256 * 1024

log = structlog.get_logger()


class Follower:
    """One connection to the feed, made again whenever it is lost; the last view is kept.

    Args:
        agent: name of this agent.
        hooks: names of the systems whose hooks it answers.
        cut: called after the acknowledgement, with whom to cut and whom to spare.
    """

    def __init__(
        self,
        path: Path,
        replica: Replica,
        *,
        agent: str,
        hooks: tuple[str, ...],
        cut: Callable[[Change], None],
    ) -> None:
        self._path = path
        self._replica = replica
        self._agent = agent
        self._hooks = hooks
        self._cut = cut
        self._socket: socket.socket | None = None
        self._arrived = select.epoll()
        self._poll = self._arrived.poll
        self._frames = Frames()
        self._unsent = bytearray()
        self._lost = asyncio.Event()
        self._retry_s = FIRST_RETRY_S
        self._alarm = Alarm(replica, self._reach)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._alarm.run())
            await self._follow()

    async def _follow(self) -> None:
        try:
            while True:
                try:
                    await self._connect()
                except OSError as error:
                    log.warning("feed.unreachable", path=str(self._path), error=str(error))
                else:
                    await self._beat_until_lost()
                await asyncio.sleep(self._retry_s)
                self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
        finally:
            self._disconnect()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(0)
        try:
            await loop.sock_connect(sock, str(self._path))
        except BaseException:
            sock.close()
            raise
        self._socket = sock
        self._frames = Frames()
        self._unsent.clear()
        self._lost.clear()
        self._arrived.register(sock, select.EPOLLIN)
        loop.add_reader(sock, self._read)
        replica = self._replica
        self._queue(
            Hello(
                agent=self._agent,
                seq=replica.seq,
                hash=replica.hash,
                hooks=self._hooks,
                takes=(ANNOUNCED,),
            )
        )
        self._send()

    async def _beat_until_lost(self) -> None:
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._lost.wait()
            except TimeoutError:
                self._queue(Beat(seq=self._replica.seq))
                self._send()

    def _disconnect(self, reason: str = "") -> None:
        sock, self._socket = self._socket, None
        if sock is None:
            return
        if reason:
            log.warning("feed.lost", reason=reason, seq=self._replica.seq)
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.remove_writer(sock)
        self._arrived.unregister(sock)
        sock.close()
        self._lost.set()

    def drain(self) -> None:
        """Take what has arrived and was not read yet; costs 0.3 us when nothing has."""
        if self._poll(0, 1):
            self._read()

    def _read(self) -> None:
        """Read all there is and apply it before returning to anybody."""
        while self._socket is not None:
            try:
                data = self._socket.recv(_READ)
            except BlockingIOError:
                return
            except OSError as error:
                self._disconnect(str(error))
                return
            if not data:
                self._disconnect("the control plane closed the connection")
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            for payload in self._frames.feed(data):
                message = decode_from_control(payload)
                if isinstance(message, Entries):
                    self._apply(message)
                elif isinstance(message, CutAgain):
                    self._cut_again(message)
                elif isinstance(message, Announced):
                    self._announce(message)
        except (RemoteProtocolError, LedgerDamaged) as error:
            self._disconnect(error.text)

    def _apply(self, message: Entries) -> None:
        """Acknowledge at once: nothing slow may stand between the gate and its acknowledgement."""
        change = self._replica.apply(message)
        self._queue(Acknowledge(seq=self._replica.seq, at=datetime.now(UTC)))
        self._send()
        self._retry_s = FIRST_RETRY_S
        self._cut(change)

    def _announce(self, message: Announced) -> None:
        change = self._replica.announce(message)
        self._queue(Listed(number=message.number))
        self._send()
        self._alarm.changed()
        self._cut(change)

    def _reach(self) -> None:
        """The instant of an announced leaver has come, whoever is away."""
        change = self._replica.reach()
        log.info("announced.reached", accounts=len(change.revoked))
        self._cut(change)

    def _cut_again(self, message: CutAgain) -> None:
        leaver = self._replica.leaver(message.seq)
        if leaver is not None:
            self._cut(Change(revoked=(leaver,), reinstated=()))

    def report(self, step: CutStep) -> None:
        """Tell the control plane, together with what else is told in this turn of the loop.

        Of an announced leaver without an entry there is no case that it could be told for.
        """
        if self._socket is None or step.seq == 0:
            return
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._send)
        self._queue(step)

    def _queue(self, message: FromAgent) -> None:
        self._unsent += encode(message)

    def _send(self) -> None:
        sock = self._socket
        if sock is None:
            return
        try:
            while self._unsent:
                del self._unsent[: sock.send(self._unsent)]
        except BlockingIOError:
            asyncio.get_running_loop().add_writer(sock, self._send)
            if len(self._unsent) > MAX_UNSENT:
                self._disconnect("the control plane does not read")
            return
        except OSError as error:
            self._disconnect(str(error))
            return
        asyncio.get_running_loop().remove_writer(sock)
