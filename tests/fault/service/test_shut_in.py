# SPDX-License-Identifier: Apache-2.0
"""Both services do their work within what their units leave them."""

from __future__ import annotations

import asyncio
import ctypes.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.load import load
from tests.arch.tree import ROOT
from tests.fault.control.town import UPN
from tests.fault.service.serving import Manager, served, write
from tests.fault.service.test_http import becomes, revoke

UNITS = ROOT / "packaging" / "systemd"
KERNEL = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
SHUT_IN = Path(__file__).with_name("shut_in.py")


@pytest.fixture(autouse=True)
def _tools() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: Debian package systemd")
    if ctypes.util.find_library("seccomp") is None:
        pytest.skip("libseccomp is not here: Debian package libseccomp2")
    if os.geteuid() != 0:
        pytest.skip("giving up capabilities needs root")
    if subprocess.run(["unshare", "--mount", "true"], check=False, timeout=60).returncode != 0:
        pytest.skip("file systems cannot be made read-only here: no mount namespaces")


def within(unit: Path, writable: Path) -> tuple[str, ...]:
    return (sys.executable, str(SHUT_IN), str(unit), str(writable))


async def test_the_control_plane_closes_an_account_and_reloads(tmp_path: Path) -> None:
    unit = UNITS / "evict.service"
    async with served(tmp_path, "127.168.5.1", before=within(unit, tmp_path)) as service:
        token = await service.token("close")
        status, lines = await service.order(revoke(UPN), token)
        assert (status, lines[-1]["type"]) == (200, "end")
        assert not service.town.enabled
        assert list((tmp_path / "evidence").rglob("*.json*"))
        assert (await service.get("/readyz"))[0] == 200
        assert (await service.get("/metrics"))[0] == 200
        service.process.send_signal(signal.SIGHUP)
        await service.manager.hears("READY", times=2)
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == 0


async def test_the_agent_listens_and_acknowledges(tmp_path: Path) -> None:
    apart = {"run_agent": False}
    async with served(tmp_path, "127.168.5.2", hook=True, control=apart) as service:
        config = load(service.config)
        agent = structs.replace(
            config.agent,
            control_socket=tmp_path / "agent-control.sock",
            socket_group="root",
            may_stop_hooks=True,
        )
        write(service.config, structs.replace(config, agent=agent))
        manager = Manager(tmp_path / "agent.sock")
        process = await asyncio.create_subprocess_exec(
            *within(UNITS / "evict-agent.service", tmp_path),
            *(sys.executable, "-m", "evict", "agent", "--config", str(service.config)),
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "agent.sock")},
        )
        try:
            await manager.hears("READY")
            await becomes(service, (200, '{"ready":true,"missing":[]}\n'))
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            manager.close()


@pytest.mark.parametrize(
    "attempt",
    [
        "ctypes.CDLL(None).unshare(0x20000) == 0",
        "not refused(lambda: open('outside', 'w'))",
        "not refused(lambda: os.chown('.', 1, 1))",
        pytest.param(
            "not refused(lambda: mmap.mmap(-1, 4096, prot=7))",
            marks=pytest.mark.skipif(KERNEL < (6, 3), reason="PR_SET_MDWE came with Linux 6.3"),
        ),
    ],
)
def test_it_is_shut_in_there(tmp_path: Path, attempt: str) -> None:
    """Were it not, the tests above would say nothing."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    code = (
        "import ctypes, mmap, os, sys\n"
        "def refused(call):\n"
        "    try: call()\n"
        "    except OSError: return True\n"
        f"sys.exit(0 if {attempt} else 3)"
    )
    ran = subprocess.run(
        [*within(UNITS / "evict.service", inside), sys.executable, "-c", code],
        check=False,
        cwd=outside,
        timeout=60,
    )
    assert ran.returncode == 3


async def test_without_a_call_that_it_needs_it_does_not_start(tmp_path: Path) -> None:
    """The same unit, but for what asyncio cannot do without."""
    unit = tmp_path / "evict.service"
    text = (UNITS / "evict.service").read_text()
    unit.write_text(f"{text}\nSystemCallFilter=~@io-event @network-io\n")
    with pytest.raises(RuntimeError, match="evict serve ended"):
        async with served(tmp_path, "127.168.5.3", before=within(unit, tmp_path)):
            pass


async def test_nor_where_its_folder_is_read_only(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(RuntimeError, match="evict serve ended"):
        async with served(tmp_path, "127.168.5.4", before=within(UNITS / "evict.service", other)):
            pass
