# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from evict.config.audit import SYSLOG_PORT, SyslogSection
from evict.config.crosscheck import host_port
from evict.control.audit.syslog import make_syslog
from evict.obs import syslog as sender
from evict.obs.syslog import Server, Syslog
from tests.contract.fakes import Authority
from tests.unit.obs.syslog_server import SyslogServer

HOST = "127.166.2.1"


def line(number: int, **fields: object) -> bytes:
    whole = {
        "at": "2026-11-24T17:00:00.000000Z",
        "n": number,
        "result": "done",
        "what": "revoke",
        **fields,
    }
    return json.dumps(whole, ensure_ascii=False).encode() + b"\n"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def sending(
    authority: Authority, server: SyslogServer, *, name: str = HOST, most: int = sender.MOST
) -> AsyncIterator[Syslog]:
    def context() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=authority.ca_file)

    where = Server(host=server.host, port=server.port, name=name, facility=13)
    made = Syslog(where, context, most=most)
    made.start()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[SyslogServer]:
    made = SyslogServer(HOST, authority.context(HOST))
    await made.start()
    yield made
    await made.stop()


async def test_a_line_arrives_as_the_specification_writes_it(
    authority: Authority, server: SyslogServer
) -> None:
    async with sending(authority, server) as syslog:
        syslog.send(line(1, why="schön 😀"))
        syslog.send(line(2, result="refused", what="a verb with spaces and ü, and too long a one"))
        await until(lambda: len(server.taken) == 2)
    first, second = server.taken
    assert (first["pri"], second["pri"]) == (str(13 * 8 + 6), str(13 * 8 + 4))
    assert (first["app"], first["msgid"], first["sequence"]) == ("evict", "revoke", "1")
    assert second["msgid"] == "a?verb?with?spaces?and??,?and?to"
    assert first["json"]["why"] == "schön 😀"


async def test_a_thousand_lines_keep_their_order(
    authority: Authority, server: SyslogServer
) -> None:
    async with sending(authority, server) as syslog:
        for number in range(1000):
            syslog.send(line(number))
        await until(lambda: len(server.taken) == 1000)
    assert server.numbers() == list(range(1000))


@pytest.mark.parametrize("name", ["other.corp.test", HOST])
async def test_a_server_that_cannot_prove_its_name_is_told_nothing(
    authority: Authority, tmp_path: Path, name: str
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    of = authority if name != HOST else Authority(stranger)
    server = SyslogServer(HOST, of.context(HOST))
    await server.start()
    async with sending(authority, server, name=name) as syslog:
        syslog.send(line(1))
        await until(lambda: "certificate verify failed" in syslog.trouble)
        assert (server.taken, syslog.waiting, syslog.connected) == ([], 1, False)
    await server.stop()


async def test_nothing_is_lost_while_the_server_is_away(
    authority: Authority, server: SyslogServer
) -> None:
    async with sending(authority, server) as syslog:
        for number in range(100):
            syslog.send(line(number))
        await until(lambda: len(server.taken) == 100)
        await server.stop()
        await until(lambda: not syslog.connected)
        for number in range(100, 200):
            syslog.send(line(number))
        await server.start()
        await until(lambda: set(server.numbers()) == set(range(200)))
    assert syslog.dropped == 0
    assert server.connections == 2


async def broken_off_midway(authority: Authority, server: SyslogServer) -> set[int]:
    """Send two hundred lines to a server that stops reading, dies, and comes back; what it has."""
    async with sending(authority, server) as syslog:
        await until(lambda: syslog.connected)
        server.stalled = True
        for number in range(200):
            syslog.send(line(number))
        await until(lambda: syslog.sent == 200)  # all in buffers on the way
        await server.stop()
        server.stalled = False
        await server.start()
        await until(lambda: syslog.connected)
        syslog.send(line(200))
        await until(lambda: 200 in server.numbers())
    return set(server.numbers())


async def test_what_was_on_the_way_is_sent_again(
    authority: Authority, server: SyslogServer
) -> None:
    assert await broken_off_midway(authority, server) == set(range(201))


async def test_sending_again_is_what_keeps_it(
    authority: Authority, server: SyslogServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin."""
    monkeypatch.setattr(sender, "_DOUBT_S", -1.0)
    assert len(await broken_off_midway(authority, server)) < 201


async def test_a_full_queue_never_waits_and_what_it_drops_is_counted_and_said(
    authority: Authority, server: SyslogServer
) -> None:
    await server.stop()
    async with sending(authority, server, most=50) as syslog:
        began = time.monotonic()
        for number in range(5000):
            syslog.send(line(number))
        assert time.monotonic() - began < 2.0
        assert (syslog.waiting, syslog.dropped) == (50, 4950)
        await server.start()
        await until(lambda: len(server.taken) == 51)
    told = server.taken[0]["json"]
    assert (told["what"], told["count"]) == ("syslog.dropped", 4950)
    assert server.numbers() == list(range(4950, 5000))


async def test_a_server_that_reads_nothing_holds_up_nobody(
    authority: Authority, server: SyslogServer
) -> None:
    server.stalled = True
    async with sending(authority, server, most=100) as syslog:
        began = time.monotonic()
        for number in range(20_000):
            syslog.send(line(number, why="y" * 200))
        assert time.monotonic() - began < 5.0
        await until(lambda: syslog.connected)
        assert syslog.waiting <= 100
        began = time.monotonic()
    assert time.monotonic() - began < 5.0


async def test_the_certificate_that_a_server_asks_for_is_shown(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours = ca.issue_cert("evict.corp.test")
    ours.private_key_pem.write_to_path(tmp_path / "our.key")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "our.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(HOST).configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = SyslogServer(HOST, context)
    await server.start()
    section = SyslogSection(
        server=f"{HOST}:{server.port}",
        ca_file=tmp_path / "ca.pem",
        certificate_file=tmp_path / "our.pem",
        key_file=tmp_path / "our.key",
    )
    syslog = make_syslog(section)
    syslog.start()
    syslog.send(line(1))
    await until(lambda: len(server.taken) == 1)
    await syslog.close()
    await server.stop()


async def test_files_that_are_missing_are_told_and_looked_for_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = SyslogServer(HOST, authority.context(HOST))
    await server.start()
    away = tmp_path / "away.pem"
    authority.ca_file.rename(away)
    syslog = make_syslog(SyslogSection(server=f"{HOST}:{server.port}", ca_file=authority.ca_file))
    syslog.start()
    syslog.send(line(1))
    await until(lambda: "No such file" in syslog.trouble)
    away.rename(authority.ca_file)
    await until(lambda: len(server.taken) == 1)
    await syslog.close()
    await server.stop()


def test_the_port_is_the_one_that_is_assigned_where_none_is_given() -> None:
    assert host_port("log.corp.example", SYSLOG_PORT) == ("log.corp.example", 6514)
