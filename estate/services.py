# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the servers of one estate, by the process ids they wrote themselves."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from estate import layout as at
from estate.commands import EstateError, run
from estate.files import render, write
from estate.layout import Layout
from estate.provision import provision, require_root_and_users

START_S: Final = 30.0
"""Seconds that one server may take until it answers."""
GREETED: Final = {at.SMTP, at.SUBMISSION, at.SUBMISSION_TCP, at.IMAP, at.POP3, at.MANAGESIEVE}
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
    """

    name: str
    command: tuple[str | Path, ...]
    pid_file: Path
    comm: str
    ports: tuple[int, ...]
    log: Path

    def leader(self) -> int | None:
        """Its process id while it runs."""
        try:
            pid = int(self.pid_file.read_text().split()[0])
            comm = Path(f"/proc/{pid}/comm").read_text()
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return None
        return pid if comm.startswith(self.comm) and pid in alive({pid}) else None


def servers(layout: Layout) -> tuple[Server, Server, Server]:
    """Samba, Postfix, Dovecot: Dovecot puts sockets into Postfix's queue folder as it starts."""
    return (
        Server(
            name="samba",
            command=("samba", "-D", "-s", layout.smb_conf),
            pid_file=layout.state / "run" / "samba.pid",
            comm="samba",
            ports=(at.LDAPS, at.KERBEROS),
            log=layout.logs / "samba.log",
        ),
        Server(
            name="postfix",
            command=("postfix", "-c", layout.postfix_etc, "start"),
            pid_file=layout.queue / "pid" / "master.pid",
            comm="master",
            ports=(at.SMTP, at.SUBMISSION, at.SUBMISSION_TCP),
            log=layout.logs / "postfix.log",
        ),
        Server(
            name="dovecot",
            command=("dovecot", "-c", layout.dovecot_conf),
            pid_file=layout.state / "run" / "dovecot" / "master.pid",
            comm="dovecot",
            ports=(at.IMAP, at.IMAPS, at.POP3, at.POP3S, at.MANAGESIEVE, at.DOVEADM),
            log=layout.logs / "dovecot.log",
        ),
    )


def up(layout: Layout) -> None:
    """Provision where needed, start what does not run, wait until all of it answers.

    Raises:
        EstateError: with the step that failed and the last lines of that server's log.
    """
    provision(layout)
    every = servers(layout)
    if not any(status(layout).values()):
        for port in (port for server in every for port in server.ports if _listens(layout, port)):
            raise EstateError(f"something else listens on {layout.ip}:{port}; choose another --ip")
    write(layout.sudoers, render(layout, "sudoers"), 0o440)
    for server in every:
        if server.leader() is None:
            run(*server.command)
        for port in server.ports:
            _wait_for(layout, server, port)


def down(layout: Layout) -> None:
    """Stop everything that was started and wait until no process is left. Keeps the state folder.

    Raises:
        EstateError: a process outlived SIGKILL.
    """
    require_root_and_users()
    samba, postfix, dovecot = servers(layout)
    # Dovecot's auth process stays as long as Postfix is connected to it.
    for server in (postfix, dovecot, samba):
        leader = server.leader()
        if leader is not None:
            _stop(server.name, leader)
    layout.sudoers.unlink(missing_ok=True)


def status(layout: Layout) -> dict[str, bool]:
    """Server -> whether it runs."""
    return {server.name: server.leader() is not None for server in servers(layout)}


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


def _stop(name: str, leader: int) -> None:
    members = family(leader)
    send({leader}, signal.SIGTERM)
    if _ended(members):
        return
    send(members, signal.SIGKILL)
    if not _ended(members):
        raise EstateError(f"{name}: processes {sorted(alive(members))} do not end")


def _ended(pids: set[int]) -> bool:
    until = time.monotonic() + STOP_S
    while alive(pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _wait_for(layout: Layout, server: Server, port: int) -> None:
    until = time.monotonic() + START_S
    while not _answers(layout, port):
        if time.monotonic() > until:
            last = server.log.read_text(errors="replace")[-2000:] if server.log.exists() else ""
            raise EstateError(
                f"{server.name} does not answer on {layout.ip}:{port}; {server.log} ends:\n{last}"
            )
        time.sleep(0.02)


def _listens(layout: Layout, port: int) -> bool:
    try:
        socket.create_connection((layout.ip, port), 1.0).close()
    except OSError:
        return False
    return True


def _answers(layout: Layout, port: int) -> bool:
    """Whether it greets; where the client speaks first, whether it listens."""
    if port not in GREETED:
        return _listens(layout, port)
    try:
        with socket.create_connection((layout.ip, port), 5.0) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False
