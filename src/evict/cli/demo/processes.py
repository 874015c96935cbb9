# SPDX-License-Identifier: Apache-2.0
"""The organisation and Evict as processes of their own, stopped by their ids."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from evict.core.errors import ServiceUnavailable
from evict.lab.estate.front import hook_answers
from evict.lab.estate.layout import Layout

_START_S: Final = 30.0
_STOP_S: Final = 10.0
_NONE: Final[Mapping[str, str]] = {}
_EVICT: Final = (sys.executable, "-m", "evict")


async def start(
    arguments: Sequence[str], log: Path, ready: Path, *, environment: Mapping[str, str] = _NONE
) -> Process:
    """Start `evict ...`; return when something listens on the unix socket `ready`.

    Raises:
        ServiceUnavailable: it ended, or did not come up in time; the text names its log.
    """
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *_EVICT,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **environment},
        )
    until = time.monotonic() + _START_S
    while not await _listens(ready):
        if process.returncode is not None or time.monotonic() > until:
            await stop(process)
            raise ServiceUnavailable(f"evict {arguments[0]} did not come up: see {log}")
        await asyncio.sleep(0.02)
    return process


async def _listens(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


async def stop(process: Process) -> None:
    """Ask it to end, then insist."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def run(*arguments: str, environment: Mapping[str, str]) -> str:
    """Run one command to its end; what it said. Raises `ServiceUnavailable` where it failed."""
    code, out, complaint = await _finished(arguments, environment)
    if code:
        raise _failed(arguments, code, complaint)
    return out


async def evict(*arguments: str, environment: Mapping[str, str]) -> tuple[int, Any]:
    """Run one command with `--json`; its exit code and what it said on stdout.

    Raises:
        ServiceUnavailable: it said nothing there.
    """
    code, out, complaint = await _finished((*arguments, "--json"), environment)
    if not out:
        raise _failed(arguments, code, complaint)
    return code, msgspec.json.decode(out)


async def _finished(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *_EVICT,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )
    out, complaint = await process.communicate()
    return process.returncode or 0, out.decode(), complaint.decode(errors="replace").strip()


def _failed(arguments: Sequence[str], code: int, complaint: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"evict {arguments[0]} ended with {code}: {complaint}")


async def start_serve(layout: Layout, *, hooked: bool) -> Process:
    """Evict for this organisation, up to its agent; its keys are made where there are none."""
    environment = {"EVICT_CONFIG": str(layout.config)}
    keys = layout.folder / "keys"
    if not keys.exists():
        await run("key", "init", "--folder", str(keys), environment=environment)
    log = layout.folder / "serve.log"
    ready = layout.folder / "control.sock"
    served = await start(("serve",), log, ready, environment=environment)
    until = time.monotonic() + _START_S
    while hooked and not await hook_answers(layout):
        if time.monotonic() > until:
            await stop(served)
            raise ServiceUnavailable(f"the agent does not reach the control plane: see {log}")
        await asyncio.sleep(0.02)
    return served
