# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evict.obs.sd_notify import Supervisor

LIMIT_S = 0.15


class Manager:
    """The other end, by the name that stands in $NOTIFY_SOCKET."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(0)

    def environ(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.name, **more}

    def watching(self) -> dict[str, str]:
        return self.environ(WATCHDOG_USEC=str(int(LIMIT_S * 1e6)))

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(65536).decode())
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    abstract = f"@evict-test-{os.getpid()}-{time.monotonic_ns()}"
    made = Manager(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield made
    made.socket.close()


def test_what_is_said_is_heard(manager: Manager) -> None:
    supervisor = Supervisor(manager.environ())
    before = time.monotonic_ns() // 1000
    supervisor.ready("serving 3 systems")
    supervisor.reloading()
    supervisor.status("still there")
    supervisor.stopping()
    ready, reloading, status, stopping = manager.heard()
    assert ready == "READY=1\nSTATUS=serving 3 systems"
    assert status == "STATUS=still there"
    assert stopping == "STOPPING=1\nSTATUS=stopping"
    first, _, at = reloading.partition("\nMONOTONIC_USEC=")
    assert first == "RELOADING=1"
    assert before <= int(at) <= time.monotonic_ns() // 1000


def test_a_status_is_one_line_and_no_other_assignment(manager: Manager) -> None:
    Supervisor(manager.environ()).status("bad\nMAINPID=1\n" + "x" * 5000)
    (said,) = manager.heard()
    assert said.startswith("STATUS=bad MAINPID=1 xxx")
    assert "\n" not in said
    assert len(said) < 1100


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234"])
def test_without_a_socket_of_this_kind_nothing_is_said(name: str) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    supervisor.ready("to nobody")
    assert supervisor.watchdog_s is None


def test_a_manager_that_is_gone_does_not_stop_the_service(tmp_path: Path) -> None:
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("to nobody")


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only_where_it_says_so(
    manager: Manager, more: dict[str, str], wanted: float | None
) -> None:
    assert Supervisor(manager.environ(**more)).watchdog_s == wanted


async def pings(manager: Manager, seconds: float, missing: list[str]) -> int:
    watching = asyncio.create_task(
        Supervisor(manager.watching()).watch_over(lambda: ", ".join(missing))
    )
    await asyncio.sleep(seconds)
    watching.cancel()
    await asyncio.wait({watching})
    return manager.heard().count("WATCHDOG=1")


async def test_a_loop_that_turns_pings_more_often_than_it_must(manager: Manager) -> None:
    assert await pings(manager, 4 * LIMIT_S, []) >= 5


async def test_a_loop_that_hangs_does_not_ping(manager: Manager) -> None:
    watching = asyncio.create_task(Supervisor(manager.watching()).watch_over(str))
    await asyncio.sleep(LIMIT_S)
    assert manager.heard()
    time.sleep(3 * LIMIT_S)  # noqa: ASYNC251 - it is what a hung loop is
    assert manager.heard() == []
    watching.cancel()
    await asyncio.wait({watching})


async def test_nor_one_whose_essential_part_has_ended(manager: Manager) -> None:
    assert await pings(manager, 3 * LIMIT_S, ["feed"]) == 0


async def test_nobody_is_pinged_who_did_not_ask(manager: Manager) -> None:
    async with asyncio.timeout(5):
        await Supervisor(manager.environ()).watch_over(str)
    assert manager.heard() == []
