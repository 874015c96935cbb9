# SPDX-License-Identifier: Apache-2.0
"""Breaks one server of the fault tests' estate by the process ids it wrote itself, and mends it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from estate import services
from estate.layout import Layout
from tests.live.faults import Lab, eventually


def server(layout: Layout, name: str) -> services.Server:
    return next(s for s in services.servers(layout) if s.name == name)


def _members(layout: Layout, name: str) -> set[int]:
    leader = server(layout, name).leader()
    assert leader is not None, f"{name} does not run"
    return services.family(leader)


@contextmanager
def down(lab: Lab, name: str) -> Iterator[None]:
    """The server is down while the block runs."""
    kill(lab, name)
    try:
        yield
    finally:
        mend(lab, name)


@contextmanager
def hanging(lab: Lab, name: str) -> Iterator[None]:
    """Its processes stand still while the block runs: it takes connections and never answers."""
    members = _members(lab.layout, name)
    services.send(members, signal.SIGSTOP)
    try:
        yield
    finally:
        services.send(members, signal.SIGCONT)
        if name == "dovecot":
            _end_throttling(lab)


def kill(lab: Lab, name: str) -> None:
    """SIGKILL for all its processes, as the kernel would when memory runs out."""
    members = _members(lab.layout, name)
    services.send(members, signal.SIGKILL)
    eventually(lambda: not services.alive(members), f"{name} is dead")


def mend(lab: Lab, name: str) -> None:
    """Start it again, and wait until all is as before."""
    if name == "dovecot":
        _start(lab, name)
        _end_throttling(lab)
    services.up(lab.layout)


def _start(lab: Lab, name: str) -> None:
    one = server(lab.layout, name)
    subprocess.run(one.command, check=True)
    for port in one.ports:
        services._wait_for(lab.layout, one, port)


def _end_throttling(lab: Lab) -> None:
    """Restart Postfix: without Dovecot its smtpd dies, and its master waits 60 s for the next."""
    services.stop(lab.layout, "postfix")
    services.up(lab.layout)
