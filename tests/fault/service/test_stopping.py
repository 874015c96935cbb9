# SPDX-License-Identifier: Apache-2.0
"""An end within 3 seconds, whatever hangs, and nothing that was stored is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from evict.config.guard import GuardSection
from evict.config.load import load
from evict.core.errors import ExitCode
from evict.ledger.service import Ledger
from tests.contract.fake_controller import Fault
from tests.fault.service.serving import Service, served

CLIENTS = 50
STOP_S = 3.0
_GUARD = GuardSection(an_hour=1000, a_minute=1000, all_sources_an_hour=1000, singles_an_hour=1000)


def people(service: Service) -> list[str]:
    names = [f"p{number}@corp.test" for number in range(CLIENTS)]
    for name in names:
        sam = name.partition("@")[0]
        service.town.controller.store.person(sam, "Old-Pass-1", userPrincipalName=name, mail=name)
        service.town.dovecot.sessions.append((sam, "imap"))
    return names


async def follow(service: Service, name: str, token: str) -> tuple[asyncio.StreamReader, bytes]:
    """Order over HTTP, and come back once the entry is committed; what was said by then."""
    reader, writer = await asyncio.open_connection(service.host, service.port)
    service.clients.append(writer)
    body = json.dumps({"type": "revoke", "names": [name], "request": name}).encode()
    fields = f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}"
    writer.write(f"POST /v1/requests HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n".encode() + body)
    return reader, await reader.readuntil(b'"committed"')


async def follow_locally(service: Service, name: str) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_unix_connection(str(service.socket()))
    service.clients.append(writer)
    order = {"type": "revoke", "names": [name], "request": name}
    writer.write(json.dumps(order).encode() + b"\n")
    await reader.readuntil(b'"committed"')
    return reader


def failure(text: bytes) -> dict[str, Any]:
    lines = [line for line in text.splitlines() if b'"type":"failed"' in line]
    assert len(lines) == 1, text
    found: dict[str, Any] = json.loads(lines[0])
    return found


async def test_fifty_who_follow_are_told_and_it_ends_within_three_seconds(tmp_path: Path) -> None:
    async with served(
        tmp_path, "127.168.3.1", hook=True, guard=_GUARD, control={"case_timeout_s": 60.0}
    ) as service:
        names = people(service)
        token = await service.token("close")
        service.town.dovecot.mode = "hang"
        hook = load(service.config).dovecot[0].hook
        assert hook is not None
        host, port = hook.listen.split(":")
        for _ in range(20):
            _, writer = await asyncio.open_connection(host, int(port))
            service.clients.append(writer)
        streams = [(await follow(service, name, token))[0] for name in names[2:]]
        streams += [await follow_locally(service, name) for name in names[:2]]
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert time.monotonic() - began < STOP_S
        assert service.manager.said[-1].keys() >= {"STOPPING"}
        for stream in streams:
            assert failure(await stream.read())["code"] == "interrupted"
        assert service.logged()[-1]["event"] == "serve.stopped"
    ledger = await Ledger.open(tmp_path / "ledger.db", create=False)
    assert (await ledger.verify()).seq == CLIENTS
    await ledger.close()


async def test_nothing_new_is_begun_once_it_is_asked_to_end(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.3.2", control={"case_timeout_s": 60.0}) as service:
        service.town.dovecot.mode = "hang"
        token = await service.token("close", "read")
        reader, _ = await follow(service, "bob@corp.test", token)
        service.process.send_signal(signal.SIGTERM)
        await service.manager.hears("STOPPING")
        try:
            status, lines = await service.order({"type": "look", "what": "status"}, token)
            assert (status, lines[0]["code"]) == (503, "interrupted")
        except (OSError, asyncio.IncompleteReadError):
            pass  # it listens no more: as good
        assert failure(await reader.read())["code"] == "interrupted"
        assert await service.ended() == 0


async def a_thread_hangs(service: Service) -> None:
    """In the read of a configuration that is a pipe which nobody writes to."""
    service.config.unlink()
    os.mkfifo(service.config)
    service.process.send_signal(signal.SIGHUP)
    await service.manager.hears("RELOADING")
    assert (await service.get("/healthz"))[0] == 200


async def test_a_thread_that_hangs_does_not_hold_it_up(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.3.4") as service:
        await a_thread_hangs(service)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert time.monotonic() - began < STOP_S
        assert service.logged()[-1]["event"] == "serve.stopped"


async def test_without_its_bound_it_would(tmp_path: Path) -> None:
    unbounded = "import evict.cli.ending\nevict.cli.ending._LAST_S = 1e6"
    async with served(tmp_path, "127.168.3.5", sabotage=unbounded) as service:
        await a_thread_hangs(service)
        service.process.send_signal(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            await service.ended(STOP_S + 1)


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    unbounded = "import evict.cli.ending\nevict.cli.ending._LAST_S = 1e6"
    async with served(tmp_path, "127.168.3.3", sabotage=unbounded) as service:
        await a_thread_hangs(service)
        service.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            while service.logged()[-1]["event"] != "serve.stopped":
                await asyncio.sleep(0.01)
        began = time.monotonic()
        service.process.send_signal(signal.SIGINT)
        assert await service.ended() == 128 + signal.SIGINT
        assert time.monotonic() - began < 1


async def test_a_ledger_whose_disk_hangs_is_left_and_said_to_be(tmp_path: Path) -> None:
    """The thread of the ledger never comes back: the end is not called a clean one."""
    hang = "import evict.ledger.store as s, time\ns.LedgerStore.close = lambda _: time.sleep(1e6)"
    async with served(tmp_path, "127.168.3.6", sabotage=hang) as service:
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == ExitCode.TEMPORARY
        assert time.monotonic() - began < STOP_S
        assert service.logged()[-1]["event"] == "stop.not_closed"


async def test_a_directory_that_hangs_does_not_hold_it_up(tmp_path: Path) -> None:
    async with served(tmp_path, "127.168.3.7", control={"case_timeout_s": 60.0}) as service:
        service.town.controller.fault = Fault.HANG
        service.town.controller.cut()
        waiting = [
            asyncio.create_task(service.request({"type": "look", "what": "doors", "name": name}))
            for name in ("bob", "carol")
        ]
        await asyncio.sleep(0.2)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert time.monotonic() - began < STOP_S
        assert [lines[-1]["code"] for lines in await asyncio.gather(*waiting)] == [
            "interrupted",
            "interrupted",
        ]
