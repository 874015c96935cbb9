# SPDX-License-Identifier: Apache-2.0
"""The agent's control socket: lets `evict doctor` stop the hooks for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from evict.agent.hooks import Hook, UnixAddress
from evict.core.errors import ConfigError

MAX_PAUSE_MS: Final = 5000
_MAX_LINE: Final = 64

log = structlog.get_logger()


class PauseSocket:
    """One line in, `pause-hooks MILLISECONDS`; `paused` out, `resumed` when the hooks answer again.

    The hooks resume by themselves, whatever becomes of the connection. Anything else, and a second
    pause during the first, is answered with `refused`.
    """

    def __init__(self, address: UnixAddress, hooks: Sequence[Hook]) -> None:
        self._address = address
        self._hooks = hooks
        self._pause: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        try:
            sock = self._address.bind()
        except OSError as error:
            raise ConfigError(
                f"agent.control_socket {self._address} cannot be made: {error.strerror}"
            ) from error
        self._server = await asyncio.start_unix_server(self._serve, sock=sock, limit=_MAX_LINE)

    async def stop(self) -> None:
        """End a running pause early, too; the hooks are the caller's to stop."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._address.release()
        if self._pause is not None:
            self._pause.cancel()
            await asyncio.wait([self._pause])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            duration = _milliseconds(await reader.readline())
            if duration is None or (self._pause is not None and not self._pause.done()):
                writer.write(b"refused\n")
            else:
                paused = asyncio.Event()
                self._pause = asyncio.create_task(self._pause_hooks(duration, paused))
                await paused.wait()
                writer.write(b"paused\n")
                await asyncio.wait([self._pause])
                writer.write(b"resumed\n")
            await writer.drain()
        except (ValueError, ConnectionError) as error:
            log.info("agent.doctor-left", error=str(error))
        finally:
            writer.close()

    async def _pause_hooks(self, duration_ms: int, paused: asyncio.Event) -> None:
        log.warning("agent.hooks-paused", milliseconds=duration_ms)
        try:
            for hook in self._hooks:
                await hook.stop()
            paused.set()
            await asyncio.sleep(duration_ms / 1000)
        finally:
            for hook in self._hooks:
                await _resume(hook)


async def _resume(hook: Hook) -> None:
    """One that cannot listen again stays shut, which refuses everybody there: it is said."""
    try:
        await hook.start()
        log.info("agent.hook-resumed", hook=hook.name)
    except ConfigError as error:
        log.error("agent.hook-not-resumed", hook=hook.name, error=error.text)  # noqa: TRY400 - one sentence is enough


def _milliseconds(line: bytes) -> int | None:
    """None where the line asks for nothing that is allowed."""
    word, _, number = line.decode("ascii", "replace").strip().partition(" ")
    if word != "pause-hooks" or not number.isdecimal():
        return None
    duration = int(number)
    return duration if 0 < duration <= MAX_PAUSE_MS else None
