# SPDX-License-Identifier: Apache-2.0
"""Clients that send noise, too much, too slowly, or read nothing."""

from __future__ import annotations

import asyncio
import base64

import pytest

from evict.lab.mail.wire import MailLimits
from tests.unit.lab.mail.towns import ALICE, Town

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PROTOCOLS = ["imap", "pop3", "smtp"]
PLAIN = base64.b64encode(b"\0alice\0" + ALICE.encode())


@pytest.fixture
def limits(request: pytest.FixtureRequest) -> MailLimits:
    given: MailLimits = getattr(request, "param", MailLimits())
    return given


async def connect(town: Town, protocol: str) -> Streams:
    return await asyncio.open_connection(
        town.host, getattr(town, protocol), ssl=town.client_tls, limit=2**24
    )


async def imap(town: Town) -> Streams:
    reader, writer = await connect(town, "imap")
    writer.write(b"a AUTHENTICATE PLAIN " + PLAIN + b"\r\n")
    await reader.readline()
    assert (await reader.readline()).startswith(b"a OK")
    return reader, writer


async def rest(streams: Streams) -> bytes:
    """What came before the end of the connection, which must come."""
    reader, writer = streams
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_noise_is_answered_and_then_cut(town: Town, protocol: str) -> None:
    streams = await connect(town, protocol)
    streams[1].write(b"\x00\xff{}[]() \\\r\n" * 60)
    said = await rest(streams)
    assert said.count(b"\r\n") < 40
    assert b"Traceback" not in said


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("limits", [MailLimits(before_login_s=0.1, command_s=0.1)], indirect=True)
async def test_a_slow_client_is_left(town: Town, protocol: str) -> None:
    silent, halfway = await connect(town, protocol), await connect(town, protocol)
    halfway[1].write(b"a")
    await rest(silent)
    await rest(halfway)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("limits", [MailLimits(connections=1)], indirect=True)
async def test_there_are_only_so_many_connections(town: Town, protocol: str) -> None:
    reader, writer = await connect(town, protocol)
    assert await reader.readline()
    assert await rest(await connect(town, protocol)) == b""
    writer.transport.abort()


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_a_line_without_end_is_cut(town: Town, protocol: str) -> None:
    streams = await connect(town, protocol)
    streams[1].write(b"a" * 20_000)
    assert b"too long" in await rest(streams)


async def test_an_smtp_line_without_end_is_refused(town: Town) -> None:
    streams = await connect(town, "smtp")
    streams[1].write(b"a" * 20_000 + b"\r\nQUIT\r\n")
    assert b"500 Command line too long" in await rest(streams)


@pytest.mark.parametrize(
    "command",
    [
        b"a LOGIN {99999999}\r\n",
        b"a LOGIN {20000+}\r\n",
        b"a LOGIN {4294967295} {1}\r\n{99999999999}\r\n",
    ],
)
async def test_a_literal_that_is_too_long_is_cut(town: Town, command: bytes) -> None:
    streams = await connect(town, "imap")
    streams[1].write(command + b"x" * 40_000)
    assert b"BYE" in await rest(streams)


@pytest.mark.parametrize(
    "command",
    [
        b"FETCH 1:4294967295 (FLAGS)",
        b"FETCH 1,2,3,99999999999 FLAGS",
        b"FETCH * BODY[HEADER.FIELDS (",
        b"FETCH 1 BODY[]<1.99999999999>",
        b"FETCH 1 BODY[1.2.3.4.5.6]",
        b"FETCH 1 ((((((((((((((((((((FLAGS))))))))))))))))))))",
        b"SEARCH " + b"NOT " * 200 + b"ALL",
        b"SEARCH " + b"OR ALL " * 1000,
        b"SEARCH SINCE 99-Foo-0000",
        b"SEARCH CHARSET x ALL",
        b"SEARCH HEADER",
        b"STORE 1 FLAGS (\\Nothing)",
        b"STORE 1 +FLAGS ({3}x",
        b"UID",
        b"UID NOOP",
        b"UID FETCH 1 (",
        b'LIST "" {5}',
        b'LIST "" "' + b"*%" * 200 + b'x"',
        b'SELECT "unfinished',
        b"SELECT \xff\xfe",
        b"APPEND INBOX (\\Seen) nothing",
        b"STATUS INBOX ()",
        b"STATUS INBOX NOTHING",
        b"AUTHENTICATE",
        b"CLOSE now",
        b"IDLE\r\nNOT DONE",
        b"",
    ],
)
async def test_a_command_that_is_none_leaves_the_connection_alive(
    town: Town, command: bytes
) -> None:
    town.mail("One")
    reader, writer = await imap(town)
    writer.write(b"b SELECT INBOX\r\nc " + command + b"\r\nd NOOP\r\ne NOOP\r\n")
    async with asyncio.timeout(5):
        said = b""
        while b"e OK" not in said and b"BYE" not in said:
            said += await reader.readline()
    assert b"e OK" in said
    writer.transport.abort()
    await town.gone()


async def test_many_commands_at_once_are_answered_in_order(town: Town) -> None:
    reader, writer = await imap(town)
    writer.write(b"".join(b"n%d NOOP\r\n" % number for number in range(2000)))
    for number in range(2000):
        assert (await reader.readline()).startswith(b"n%d OK" % number)
    writer.transport.abort()
    await town.gone()


@pytest.mark.parametrize("limits", [MailLimits(write_s=0.2)], indirect=True)
async def test_a_client_that_does_not_read_is_left(town: Town) -> None:
    town.mail("Long", "x" * 60 + "\n" + ("y" * 70 + "\n") * 20_000)
    reader, writer = await imap(town)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"b SELECT INBOX\r\n" + b"c FETCH 1 BODY[]\r\n" * 50)
    await town.gone()
    writer.transport.abort()
    del reader


async def test_what_came_in_clear_before_tls_is_forgotten(town: Town) -> None:
    for port, command, told in (
        (town.imap_plain, b"a STARTTLS\r\nb NOOP\r\n", b"b OK"),
        (town.pop3_plain, b"STLS\r\nCAPA\r\n", b"SASL"),
        (town.smtp_plain, b"STARTTLS\r\nEHLO x\r\n", b"AUTH"),
    ):
        reader, writer = await asyncio.open_connection(town.host, port)
        await reader.readline()
        writer.write(command)
        await reader.readline()
        await writer.start_tls(town.client_tls, server_hostname=town.host)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                assert told not in await reader.readline()
        writer.transport.abort()


async def test_a_server_that_is_down_takes_nobody(town: Town) -> None:
    town.organisation.servers["ex01"].down = True
    for protocol in PROTOCOLS:
        assert await rest(await connect(town, protocol)) == b""


async def test_no_password_is_logged(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    reader, writer = await connect(town, "smtp")
    await reader.readline()
    writer.write(b"EHLO x\r\nAUTH PLAIN " + PLAIN + b"\r\nAUTH LOGIN\r\nQUIT\r\n")
    assert b"235" in await rest((reader, writer))
    _, writer = await imap(town)
    writer.transport.abort()
    await town.gone()
    assert ALICE not in caplog.text
    assert PLAIN.decode() not in caplog.text
