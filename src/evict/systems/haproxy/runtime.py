# SPDX-License-Identifier: Apache-2.0
"""Client of HAProxy's runtime socket: one connection, one command at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from evict.core.errors import AccessRefused, RemoteProtocolError, Uncertain, Unreachable
from evict.systems.haproxy import protocol
from evict.systems.haproxy.protocol import Answers, Malformed, Refused

TIMEOUT_S: Final = 5.0
_READ: Final = 1 << 20


class Runtime:
    """One connection; what is done with a map is done by one process of HAProxy's.

    Args:
        address: path of a Unix socket, or host:port.
    """

    def __init__(self, address: str, *, system: str, timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._system = system
        self._timeout_s = timeout_s
        self._answers = Answers()
        self._turn = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """Begin. Raises a `SystemFault`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                self._reader, self._writer = await self._open()
        except (OSError, TimeoutError) as error:
            text = f"no connection to the runtime socket {self._address}: {error}"
            raise Unreachable(text, system=self._system) from error
        try:
            await self.ask(*protocol.START)
        except BaseException:
            self.drop()
            raise

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()

    def drop(self) -> None:
        """End the connection."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()

    @property
    def is_over(self) -> bool:
        """Whether the other end is gone."""
        return self._writer is None or self._reader is None or self._reader.at_eof()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "/" in self._address:
            return await asyncio.open_unix_connection(self._address)
        host, _, port = self._address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))

    async def ask(self, *commands: str) -> str:
        """The answer to the last of them; the others must succeed, too.

        Raises:
            Unreachable: there is no connection any more; none of them was sent.
            Uncertain: it was sent, and no answer came.
            AccessRefused: the socket is not of level admin.
            RemoteProtocolError: HAProxy refuses the command, or says what it should not.
        """
        answer = ""
        async with self._turn:
            for command in commands:
                answer = await self._ask(command)
        return answer

    async def each(self, commands: Iterable[str]) -> int:
        """Ask for every one of them, and say how many were not refused."""
        done = 0
        for command in commands:
            try:
                await self.ask(command)
            except RemoteProtocolError as error:
                if not isinstance(error.__cause__, Refused):
                    raise
            else:
                done += 1
        return done

    async def _ask(self, command: str) -> str:
        if self._writer is None or self._reader is None:
            raise Unreachable("the runtime socket is not connected", system=self._system)
        try:
            async with asyncio.timeout(self._timeout_s):
                self._writer.write(command.encode("utf-8", "surrogateescape") + b"\n")
                await self._writer.drain()
                answer = await self._answer(self._reader)
            return protocol.read(answer)
        except (OSError, EOFError, TimeoutError) as error:
            self.drop()
            raise Uncertain("the runtime socket gave no answer", system=self._system) from error
        except Malformed as error:
            self.drop()
            raise self.broken(error) from error
        except Refused as error:
            if "ermission denied" in str(error):
                text = "the runtime socket is not of `level admin`"
                raise AccessRefused(text, system=self._system) from error
            raise self.broken(error) from error
        except asyncio.CancelledError:
            self.drop()  # its answer would be taken for the next command's
            raise

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        while True:
            data = await reader.read(_READ)
            if not data:
                raise EOFError
            answer = self._answers.feed(data)
            if answer is not None:
                return answer

    def broken(self, error: ValueError) -> RemoteProtocolError:
        """The fault that `error` is at this HAProxy."""
        return RemoteProtocolError(f"runtime socket: {error}", system=self._system)


async def pid_of(runtime: Runtime) -> str:
    """Of the process that answers here. Raises a `SystemFault`."""
    pid = protocol.info(await runtime.ask("show info")).get("Pid", "")
    if not pid:
        raise runtime.broken(Malformed("`show info` names no process"))
    return pid
