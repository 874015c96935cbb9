# SPDX-License-Identifier: Apache-2.0
"""SIGHUP and `evict config reload`: what is bad changes nothing, what needs a restart is named."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from evict.core.errors import ExitCode
from tests.fault.control.town import UPN
from tests.fault.service.serving import Service, served

PROTECTED = f'\nnames = ["{UPN}"]\n'
NOBODY = "\nnames = []\n"


async def configuration(service: Service) -> dict[str, Any]:
    lines = await service.request({"type": "look", "what": "status"})
    found: dict[str, Any] = lines[0]["data"]["configuration"]
    return found


async def revoked(service: Service, request: str) -> int:
    order = {"type": "revoke", "names": [UPN], "request": request}
    return int((await service.request(order))[-1]["exit_code"])


def change(service: Service, old: str, new: str) -> None:
    text = service.config.read_text()
    assert old in text
    service.config.write_text(text.replace(old, new))


async def hangup(service: Service) -> str:
    """The status that the reload ends with."""
    before = service.manager.count("READY")
    service.process.send_signal(signal.SIGHUP)
    told = await service.manager.hears("RELOADING", times=before)
    assert int(told["MONOTONIC_USEC"]) > 0
    return (await service.manager.hears("READY", times=before + 1))["STATUS"]


async def test_a_protected_name_holds_from_the_reload_on(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.4.1") as service:
        change(service, NOBODY, PROTECTED)
        assert await hangup(service) == "1 settings changed"
        assert await revoked(service, "r1") == ExitCode.GUARD_REFUSED
        assert service.town.enabled
        found = await configuration(service)
        assert (found["refused"], found["restart_needed"]) == ("", [])


async def test_a_bad_file_changes_nothing_and_it_is_said_why(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.4.2") as service:
        change(service, NOBODY, PROTECTED)
        await hangup(service)
        good = service.config.read_text()
        for bad in ("[guard]\nan_hour = 0\n", "nonsense", "[ledgre]\npath = 1\n"):
            service.config.write_text(f"{good.replace(PROTECTED, NOBODY)}\n{bad}")
            status = await hangup(service)
            assert "refused" in status
            assert str(service.config) in status
            found = await configuration(service)
            assert str(service.config) in found["refused"]
            assert await revoked(service, "r2") == ExitCode.GUARD_REFUSED
            assert service.logged()[-1]["event"] in ("config.refused", "control.refused")
        assert await metric(service, "evict_config_refused") == 1
        service.config.write_text(good)
        assert await hangup(service) == "nothing changed"
        assert (await configuration(service))["refused"] == ""
        assert await metric(service, "evict_config_refused") == 0


async def test_what_every_user_may_read_has_nothing_of_the_file(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.4.5") as service:
        change(service, NOBODY, '\nnames = ["ceo*@corp.test"]\n')
        status = await hangup(service)
        assert "refused" in status
        assert "ceo" not in status
        assert "ceo" in (await configuration(service))["refused"]


async def evict(service: Service, *arguments: str) -> tuple[str, str]:
    """What a command printed and said; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evict", *arguments, "--config", str(service.config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, talk = await process.communicate()
    assert process.returncode == 0
    return out.decode(), talk.decode()


async def metric(service: Service, name: str) -> float:
    _, text = await service.get("/metrics")
    line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
    return float(line.split()[1])


async def test_what_needs_a_restart_is_named_and_goes_on_as_it_was(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.4.3") as service:
        change(service, "timeout_s = 1.0", "timeout_s = 2.0")
        change(service, NOBODY, PROTECTED)
        assert await evict(service, "config", "reload") == (
            "changed: protected.names\nwaits for a restart: probes.timeout_s\n",
            "",
        )
        again, _ = await evict(service, "config", "reload", "--json")
        assert json.loads(again) == {"changed": [], "restart_needed": ["probes.timeout_s"]}
        _, talk = await evict(service, "status")
        assert talk == "waits for a restart: probes.timeout_s\n"
        assert (await configuration(service))["restart_needed"] == ["probes.timeout_s"]
        assert await revoked(service, "r1") == ExitCode.GUARD_REFUSED
        assert await metric(service, "evict_config_restart_needed") == 1


async def test_many_at_once_end_with_the_newest_file(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.4.4") as service:
        for number in range(1, 21):
            change(service, f"poll_ms = {99 + number}\n", f"poll_ms = {100 + number}\n")
            service.process.send_signal(signal.SIGHUP)
        assert "changed" in await settled(service)
        assert (await service.get("/healthz"))[0] == 200


async def settled(service: Service) -> str:
    """Until as many reloads have ended as had begun."""
    async with asyncio.timeout(20):
        while True:
            begun = service.manager.count("RELOADING")
            if begun and service.manager.count("READY") == begun + 1:
                return service.manager.said[-1].get("STATUS", "")
            await asyncio.sleep(0.02)
