# SPDX-License-Identifier: Apache-2.0
"""How the lab is driven: one JSON object a line on a unix socket, one answer each.

It stands for what happens around an organisation: time that passes, an administrator at the
directory, mail that comes from outside. Evict never uses it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from evict.core.errors import ServiceUnavailable, UsageError

MAX_LINE: Final = 64 * 1024
_WAIT_S: Final = 30.0


class Status(Struct, frozen=True, kw_only=True, tag="status"):
    """What runs where, and what time it is there."""


class Advance(Struct, frozen=True, kw_only=True, tag="advance"):
    """Move the organisation's clock forwards; timers that fall due fire."""

    seconds: float


class Disable(Struct, frozen=True, kw_only=True, tag="disable"):
    """Disable the account in the directory, as an administrator does it; nothing else."""

    name: str


class Enable(Struct, frozen=True, kw_only=True, tag="enable"):
    """Enable it again."""

    name: str


class Deliver(Struct, frozen=True, kw_only=True, tag="deliver"):
    """A mail arrives from outside."""

    to: str
    subject: str
    body: str = ""


class Predict(Struct, frozen=True, kw_only=True, tag="predict"):
    """When each live session of somebody would close by itself, by the model's rules."""

    name: str


class People(Struct, frozen=True, kw_only=True, tag="people"):
    """Everybody, with the password to sign in with."""


Command = Status | Advance | Disable | Enable | Deliver | Predict | People


class Answer(Struct, frozen=True, kw_only=True):
    """`error` is "" where it was done."""

    data: Any = None
    error: str = ""


class ControlServer:
    """Answers on a unix socket that only its owner may use."""

    def __init__(self, path: Path, answer: Callable[[Command], Any]) -> None:
        self._path = path
        self._answer = answer
        self._decoder = msgspec.json.Decoder(Command)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen. A socket left by an earlier run is replaced."""
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, str(self._path), limit=MAX_LINE
            )
        finally:
            os.umask(mask)

    async def stop(self) -> None:
        """End every connection and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._open):
            writer.close()
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(self._one(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return
        finally:
            self._open.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _one(self, line: bytes) -> Answer:
        try:
            return Answer(data=self._answer(self._decoder.decode(line)))
        except msgspec.MsgspecError as error:
            return Answer(error=f"not a command: {error}")
        except UsageError as error:
            return Answer(error=error.text)


async def ask(path: Path, command: Command) -> Any:
    """Send one command; its data.

    Raises:
        ServiceUnavailable: no lab listens there.
        UsageError: it could not be done; the text says why.
    """
    try:
        async with asyncio.timeout(_WAIT_S):
            reader, writer = await asyncio.open_unix_connection(str(path), limit=16 * 1024 * 1024)
            try:
                writer.write(msgspec.json.encode(command) + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        raise ServiceUnavailable(f"no lab answers on {path}: start it with `evict lab`") from error
    if not line:
        raise ServiceUnavailable(f"the lab on {path} ended")
    answer = msgspec.json.decode(line, type=Answer)
    if answer.error:
        raise UsageError(answer.error)
    return answer.data
