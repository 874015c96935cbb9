# SPDX-License-Identifier: Apache-2.0
"""Starts and stops the servers of one estate, by the process ids they wrote themselves."""

from __future__ import annotations

import socket
import time
from typing import Final

from estate import layout as at
from estate.commands import EstateError, run
from estate.files import render, write
from estate.layout import Layout
from estate.processes import Server, alive, family, send
from estate.provision import provision, require_root_and_users
from estate.web.servers import web_servers

__all__ = [
    "Server",
    "alive",
    "down",
    "family",
    "named",
    "restart",
    "send",
    "servers",
    "start",
    "status",
    "stop",
    "up",
]

START_S: Final = 30.0
"""Seconds that one server may take until it answers."""
GREETED: Final = {at.SMTP, at.SUBMISSION, at.SUBMISSION_TCP, at.IMAP, at.POP3, at.MANAGESIEVE}


def _mail_servers(layout: Layout) -> tuple[Server, Server, Server]:
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


def servers(layout: Layout) -> tuple[Server, ...]:
    """Every server of this estate."""
    return (*_mail_servers(layout), *(web_servers(layout) if layout.web else ()))


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
    # What the web doors need is begun first and waited for last: nothing of it needs the others
    # before somebody signs in.
    for server in web_servers(layout) if layout.web else ():
        _begin(server)
    for server in _mail_servers(layout):
        _begin(server)
        _wait(layout, server)
    for server in web_servers(layout) if layout.web else ():
        _wait(layout, server)


def down(layout: Layout) -> None:
    """Stop everything that was started and wait until no process is left. Keeps the state folder.

    Raises:
        EstateError: a process outlived SIGKILL.
    """
    require_root_and_users()
    samba, postfix, dovecot = _mail_servers(layout)
    # Dovecot's auth process stays as long as Postfix is connected to it.
    for server in (*reversed(web_servers(layout)), postfix, dovecot, samba):
        server.end()
    layout.sudoers.unlink(missing_ok=True)


def named(layout: Layout, name: str) -> Server:
    """One server; raises `EstateError` where there is none of this name."""
    for server in servers(layout):
        if server.name == name:
            return server
    raise EstateError(f"no server {name!r} on this estate")


def start(layout: Layout, name: str) -> None:
    """Start one server and wait until it answers."""
    server = named(layout, name)
    _begin(server)
    _wait(layout, server)


def stop(layout: Layout, name: str) -> None:
    """Stop one server and wait until none of its processes is left."""
    named(layout, name).end()


def restart(layout: Layout, name: str) -> None:
    """Stop one server and start it."""
    stop(layout, name)
    start(layout, name)


def status(layout: Layout) -> dict[str, bool]:
    """Server -> whether it runs."""
    return {server.name: server.leader() is not None for server in servers(layout)}


def _begin(server: Server) -> None:
    if server.leader() is None:
        run(*server.command)


def _wait(layout: Layout, server: Server) -> None:
    for port in server.ports:
        _wait_for(layout, server, port)


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
