# SPDX-License-Identifier: Apache-2.0
"""One remote shell: cmdlets in, plain values out, errors as this project spells them.

The Exchange shell (`Microsoft.Exchange`) speaks cmdlets only, filtered by the caller's roles; each
server's own shell (`Microsoft.PowerShell`) has the application pools, the registry and the logs.
The same protocol carries both. The library is synchronous, so each shell is worked in a thread,
one call at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from evict.core.errors import ConfigError
from evict.core.secret import Secret
from evict.systems.exchange.line import Line
from evict.systems.exchange.results import Command, Result, check

EXCHANGE: Final = "Microsoft.Exchange"
SERVER: Final = "Microsoft.PowerShell"


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds.

    Attributes:
        connect: until the connection stands.
        answer: until a cmdlet that was sent has ended.
        operation: of one Receive; the server answers with nothing after it, and is asked again.
    """

    connect: float = 5.0
    answer: float = 60.0
    operation: int = 10


class ShellAccess(Struct, frozen=True, kw_only=True):
    """Where a shell is and how one comes in.

    Attributes:
        configuration: `EXCHANGE` or `SERVER`.
        authentication: "negotiate", "ntlm", "kerberos", "basic".
        ca_file: trust anchors; None: the system's.
    """

    system: str
    version: str
    url: str
    configuration: str
    user: str
    password: Secret
    authentication: str
    ca_file: Path | None = None
    timeouts: Timeouts = Timeouts()


class Shell:
    """Runs cmdlets; opens its runspace pool at the first, and again when it was lost.

    Raises:
        ConfigError: basic authentication without TLS would send the password in the clear.
    """

    def __init__(self, access: ShellAccess) -> None:
        where = _where(access)
        if access.authentication == "basic" and where.scheme != "https":
            raise ConfigError(f"{access.system}: {access.url}: basic authentication needs https")
        self.system = access.system
        self.version = access.version
        self.where = where.netloc.rpartition("@")[2]
        self._access = access
        self._line = self._new_line()
        self._turn = asyncio.Lock()

    def _new_line(self) -> Line:
        access, where = self._access, _where(self._access)
        return Line(
            system=access.system,
            host=where.hostname or "",
            port=where.port or (443 if where.scheme == "https" else 80),
            path=where.path.strip("/") or "wsman",
            tls=where.scheme == "https",
            user=access.user,
            password=access.password,
            authentication=access.authentication,
            ca_file=str(access.ca_file) if access.ca_file else None,
            configuration=access.configuration,
            connect_s=access.timeouts.connect,
            answer_s=access.timeouts.answer,
            operation_s=access.timeouts.operation,
        )

    async def run(self, cmdlet: str, /, **parameters: object) -> Result:
        """Run one cmdlet. A parameter that is True and a switch are sent alike.

        Raises:
            Unreachable: nothing was sent, or it only read.
            AccessRefused: the password, or a role that is missing.
            Unsupported: this version has no such cmdlet or parameter.
            Uncertain: a write was sent and not answered.
            RemoteProtocolError: the peer broke the protocol.
        """
        return await self.pipe([Command(name=cmdlet, parameters=parameters)])

    async def pipe(self, commands: Sequence[Command], feed: Sequence[str] = ()) -> Result:
        """Run a pipeline: each cmdlet takes what the one before it gave.

        Args:
            feed: what the first one takes.
        """
        async with self._turn:
            line = self._line
            work = asyncio.get_running_loop().run_in_executor(None, line.call, commands, feed)
            try:
                result = await asyncio.shield(work)
            except asyncio.CancelledError:
                # The thread cannot be stopped: it ends by itself and takes its line with it.
                line.abandon()
                work.add_done_callback(_heard)
                self._line = self._new_line()
                raise
        check(result, commands, system=self.system, version=self.version)
        return result

    async def close(self) -> None:
        """End the shell: ones that are left open use up the account's share. Never raises."""
        async with self._turn:
            await asyncio.to_thread(self._line.close)


def _heard(work: asyncio.Future[Result]) -> None:
    """Take what nobody waits for any more, so that it is not reported as forgotten."""
    if not work.cancelled():
        work.exception()


def _where(access: ShellAccess) -> SplitResult:
    where = urlsplit(access.url)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise ConfigError(f"{access.system}: {access.url}: not an http or https address")
    return where
