# SPDX-License-Identifier: Apache-2.0
"""Servers as processes: found by the id they wrote themselves, ended with all that they began."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from estate.commands import EstateError

STOP_S: Final = 10.0
"""Seconds that one server may take to end before it is killed."""


class Server(Struct, frozen=True, kw_only=True):
    """One server.

    Attributes:
        pid_file: where it writes its process id.
        comm: how the name of its leading process begins (proc(5)), so that a process that got the
            number later is not taken for it.
        ports: where it answers once it is up.
        log: what to read when it does not come up.
        stop: the signal that ends it without waiting for its clients.
        stop_all: its children do not end with their leader, so each is told.
    """

    name: str
    command: tuple[str | Path, ...]
    pid_file: Path
    comm: str
    ports: tuple[int, ...]
    log: Path
    stop: signal.Signals = signal.SIGTERM
    stop_all: bool = False

    def leader(self) -> int | None:
        """Its process id while it runs."""
        try:
            pid = int(self.pid_file.read_text().split()[0])
            comm = Path(f"/proc/{pid}/comm").read_text()
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return None
        return pid if comm.startswith(self.comm) and pid in alive({pid}) else None

    def end(self) -> None:
        """Stop it and wait until none of its processes is left.

        Raises:
            EstateError: a process outlived SIGKILL.
        """
        leader = self.leader()
        if leader is None:
            return
        members = family(leader)
        send({leader}, self.stop)
        if self.stop_all:
            send(members, self.stop)
        if _ended(members):
            return
        send(members, signal.SIGKILL)
        if not _ended(members):
            raise EstateError(f"{self.name}: processes {sorted(alive(members))} do not end")


def family(leader: int) -> set[int]:
    """The leader, its process group, and all descendants that are alive."""
    table = {pid: fields for pid in _pids() if (fields := _stat(pid)) is not None}
    found = {pid for pid, (_, _, group) in table.items() if leader in (pid, group)}
    while more := {pid for pid, (_, parent, _) in table.items() if parent in found} - found:
        found |= more
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie does not."""
    return {pid for pid in pids if (fields := _stat(pid)) is not None and fields[0] != "Z"}


def send(pids: set[int], number: signal.Signals) -> None:
    """Signal those that still run; one may end by itself between the look and the signal."""
    for pid in alive(pids):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> tuple[str, int, int] | None:
    """State, parent and process group (proc(5)); None where there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, group = text.rpartition(")")[2].split()[:3]
    return state, int(parent), int(group)


def _ended(pids: set[int]) -> bool:
    until = time.monotonic() + STOP_S
    while alive(pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
