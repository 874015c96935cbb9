# SPDX-License-Identifier: Apache-2.0
"""Runs a product's own command-line tool: an argument list, the C locale, a deadline, no shell."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)

MAX_OUTPUT: Final = 256 * 1024 * 1024
"""Bytes. A line of `postqueue -j` takes about 300, so a queue of 800,000 mails fits."""
_SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin"
_CUT_AT: Final = 300
"""Characters of a tool's complaint that are kept for the operator."""


class Tool(Struct, frozen=True, kw_only=True):
    """How the tools of one system are run.

    Attributes:
        system: the system's name in the configuration, for errors.
        prefix: put before the command (`sudo -n`, `ssh host`).
        sudo_line: what to put into sudoers where sudo refuses.
        timeout_s: for one run.
    """

    system: str
    prefix: tuple[str, ...] = ()
    sudo_line: str = ""
    timeout_s: float = 10.0

    async def run(
        self, command: Sequence[str], *, feed: bytes = b"", changes: bool = False
    ) -> tuple[str, str]:
        """Run it; give what it wrote to standard output and to standard error.

        Args:
            feed: for its standard input.
            changes: whether it changes something, so that no answer means `Uncertain`.

        Raises:
            Unsupported: the program is not there.
            AccessRefused: sudo, or the tool itself, says no.
            Unreachable, Uncertain: it did not end in time.
            RemoteProtocolError: it failed; the text has its first complaint.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self.prefix, *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment()
            )
        except FileNotFoundError as error:
            raise self._missing((*self.prefix, *command)[0]) from error
        except PermissionError as error:
            raise AccessRefused(f"{command[0]} may not be run", system=self.system) from error
        try:
            async with asyncio.timeout(self.timeout_s):
                out, complaint = await self._talk(process, feed)
        except TimeoutError as error:
            text = f"{command[0]} did not end within {self.timeout_s:g} s"
            fault = Uncertain if changes else Unreachable
            raise fault(text, system=self.system) from error
        finally:
            await _end(process)
        if process.returncode:
            raise self._failed(command, process.returncode, complaint)
        return out, complaint

    async def _talk(self, process: Process, feed: bytes) -> tuple[str, str]:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise RemoteProtocolError("a tool ran without pipes", system=self.system)
        reads = asyncio.gather(
            self._read(process.stdout), self._read(process.stderr), _write(process, feed)
        )
        out, complaint, _ = await reads
        await process.wait()
        return out.decode("utf-8", "replace"), complaint.decode("utf-8", "replace")

    async def _read(self, stream: asyncio.StreamReader) -> bytes:
        got = bytearray()
        while part := await stream.read(65536):
            got += part
            if len(got) > MAX_OUTPUT:
                raise RemoteProtocolError("a tool's output has no end", system=self.system)
        return bytes(got)

    def _missing(self, program: str) -> SystemFault:
        return Unsupported(
            f"{program} is not found on this host: install it, or set command_prefix so that it"
            " is run on the mail server",
            system=self.system,
        )

    def _failed(self, command: Sequence[str], code: int, complaint: str) -> SystemFault:
        first = complaint.strip().partition("\n")[0][:_CUT_AT] or "no word of why"
        if code == 127 or "command not found" in complaint:
            return self._missing(command[0])
        if "sudo:" in complaint:
            line = f"; allow it with this line in sudoers: {self.sudo_line}"
            return AccessRefused(
                f"sudo does not run {command[0]} ({first}){line if self.sudo_line else ''}",
                system=self.system,
            )
        if "superuser" in complaint or "ermission denied" in complaint or "EPERM" in complaint:
            return AccessRefused(f"{command[0]} lacks the right ({first})", system=self.system)
        if code == 255 and self.prefix and self.prefix[0].endswith("ssh"):
            return Unreachable(f"ssh does not get through ({first})", system=self.system)
        return RemoteProtocolError(
            f"{command[0]} failed, exit code {code} ({first})", system=self.system
        )


def _environment() -> dict[str, str]:
    """Ours, in the C locale, with the folders that hold system tools on the path."""
    path = f"{os.environ.get('PATH', '/usr/bin:/bin')}:{_SYSTEM_FOLDERS}"
    return {**os.environ, "LC_ALL": "C", "PATH": path}


async def _write(process: Process, feed: bytes) -> None:
    """A tool that ends without reading says why in its exit code.

    Quirk: uvloop 0.23 raises RuntimeError where asyncio has ConnectionResetError.
    """
    if process.stdin is None:
        return
    with suppress(BrokenPipeError, ConnectionResetError, RuntimeError):
        if feed:
            process.stdin.write(feed)
            await process.stdin.drain()
    process.stdin.close()


async def _end(process: Process) -> None:
    """Stop a tool that is still running; one that sudo runs as root ends with its pipes."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        process.kill()
        await process.wait()
