# SPDX-License-Identifier: Apache-2.0
"""`evict serve` as systemd sees it: ready, pinging, reloading, stopping."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from evict.core.errors import ExitCode
from tests.fault.service.serving import WATCHDOG_S, served


async def test_it_says_that_it_is_ready_pings_and_ends(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.1.1") as service:
        ready = await service.manager.hears("READY")
        assert "serving 2 systems" in ready["STATUS"]
        await service.manager.hears("WATCHDOG", times=3)
        assert await service.get("/healthz") == (200, "alive\n")
        service.process.send_signal(signal.SIGTERM)
        await service.manager.hears("STOPPING")
        assert await service.ended() == 0
        assert service.logged()[-1]["event"] == "serve.stopped"


_DIES = """
import evict.control.schedule.scheduling
async def die(self):
    raise RuntimeError("on purpose")
evict.control.schedule.scheduling.Scheduling.run = die
"""


async def test_a_loop_that_has_died_is_no_longer_pinged_for(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.1.2", sabotage=_DIES) as service:
        await asyncio.sleep(WATCHDOG_S)
        assert service.manager.count("WATCHDOG") == 0
        withheld = [line for line in service.logged() if line["event"] == "watchdog.withheld"]
        assert withheld[0]["missing"] == "schedules"
        assert (await service.get("/healthz"))[0] == 200


async def test_a_loop_that_hangs_is_not_pinged_for(tmp_path: Path) -> None:
    """Hung within a request, as in a call that should not have blocked."""
    hangs = """
import evict.control.status, time
async def hang(self, name):
    time.sleep(1e6)
evict.control.status.Status.tell = hang
"""
    async with served(tmp_path, "127.168.1.3", sabotage=hangs) as service:
        await service.manager.hears("WATCHDOG")
        _, writer = await asyncio.open_unix_connection(str(service.socket()))
        writer.write(b'{"type":"look","what":"status"}\n')
        service.clients.append(writer)
        await asyncio.sleep(WATCHDOG_S / 3)
        before = service.manager.count("WATCHDOG")
        await asyncio.sleep(WATCHDOG_S)
        assert service.manager.count("WATCHDOG") == before


async def test_an_address_that_is_taken_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.1.4") as service:
        other = tmp_path / "other"
        other.mkdir()
        text = service.config.read_text()
        for name in ("ledger.db", "control.sock", "feed.sock"):
            text = text.replace(str(tmp_path / name), str(other / name))
        (other / "evict.toml").write_text(text)
        second = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evict", "serve", "--config", str(other / "evict.toml")),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await second.communicate()
        assert second.returncode == ExitCode.CONFIG
        assert f"cannot listen on {service.host}:{service.port}".encode() in said
        assert (await service.get("/healthz"))[0] == 200


async def test_where_its_own_agent_fails_it_ends_so_that_it_is_started_again(
    tmp_path: Path,
) -> None:
    dies = """
import asyncio, evict.agent.follower
async def die(self):
    await asyncio.sleep(1)
    raise RuntimeError("on purpose")
evict.agent.follower.Follower.run = die
"""
    async with served(tmp_path, "127.168.1.5", hook=True, sabotage=dies) as service:
        await service.manager.hears("STOPPING")
        assert await service.ended() == ExitCode.BUG
        assert "on purpose" in service.log.read_text()


def test_the_agent_alone_does_not_load_the_control_plane() -> None:
    """It is the process that mail servers speak to: what it has not loaded cannot be misused."""
    heavy = ("apsw", "anyldap", "psycopg", "pypsrp", "prometheus_client", "evict.control.service")
    code = f"import sys, evict.cli.agent; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "[]\n"
