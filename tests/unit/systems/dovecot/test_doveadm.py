# SPDX-License-Identifier: Apache-2.0
"""Answers marked `recorded` were given by Dovecot 2.3.19.1 (Debian 12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.secret import Secret
from evict.systems.dovecot.doveadm import Command, Doveadm, Script, Session, kickable
from tests.unit.systems.dovecot.fake_doveadm import KEY, FakeDoveadm

HOST = "127.91.10.1"


@asynccontextmanager
async def doveadm(url: str, *, key: str = KEY, timeout_s: float = 5.0) -> AsyncIterator[Doveadm]:
    client = Doveadm(url, Secret(key), system="dovecot", timeout_s=timeout_s)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def recorded(content: bytes, status: bytes = b"200 OK") -> AsyncIterator[Doveadm]:
    """A server that answers every request with the same bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(content)))
        writer.write(content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    async with doveadm(f"http://{HOST}:{port}/doveadm/v1") as client:
        yield client
    server.close()
    await server.wait_closed()


async def test_several_commands_go_in_one_request_and_answers_keep_their_order() -> None:
    async with FakeDoveadm(HOST) as server, doveadm(server.url) as client:
        server.sessions = [("alice", "imap"), ("bob", "pop3")]
        answers = await client.run(
            [
                Command("authCacheFlush", {"user": ["alice", "alice@corp.test"]}),
                Command("kick", {"mask": ["alice"]}),
                Command("kick", {"mask": ["carol"]}),
            ]
        )
        assert server.requests == 1
        assert answers[0].rows == ({"entries": "2"},)
        assert answers[1].rows == ({"result": "alice"},)
        assert (answers[2].error, answers[2].exit_code) == ("exitCode", 68)
        assert await client.who() == (Session("bob", "pop3"),)


async def test_rows_beside_the_list_of_rows_are_not_lost() -> None:
    content = (
        b'[["doveadmResponse",[{"username":"bob","connections":"1","service":"imap","pids":"(1)",'
        b'"ips":"(127.0.0.1)"}],{"username":"alice","connections":"2","service":"imap",'
        b'"pids":"(2 3)","ips":"(127.0.0.1)"},"0"]]'
    )
    async with recorded(content) as client:
        assert await client.who() == (Session("bob", "imap"), Session("alice", "imap"))


async def test_a_managesieve_session_has_the_protocol_of_its_door() -> None:
    row = b'{"username":"bob","service":"sieve","pid":"1","ip":"127.0.0.1"}'
    content = b'[["doveadmResponse",[' + row + b'],"0"]]'
    async with recorded(content) as client:
        assert await client.who() == (Session("bob", "managesieve"),)


async def test_sieve_answers_are_read_as_dovecot_gives_them() -> None:
    async with recorded(b'[["doveadmResponse",[{"script":"fw","active":"ACTIVE"}],"0"]]') as client:
        assert await client.sieve_list("alice") == (Script("fw", active=True),)
    async with recorded(b'[["doveadmResponse",[{"script":"fw","active":""}],"0"]]') as client:
        assert await client.sieve_list("alice") == (Script("fw", active=False),)
    async with recorded(b'[["doveadmResponse",[{"sieve script":"keep;\\n"}],"0"]]') as client:
        assert await client.sieve_get("alice", "fw") == "keep;\n"
    async with recorded(b'[["doveadmResponse",[],"0"]]') as client:
        await client.sieve_deactivate("alice")
        assert await client.sieve_list("alice") == ()


async def test_a_script_or_a_mailbox_that_is_not_there_is_none() -> None:
    async with recorded(b'[["error",{"type":"exitCode", "exitCode":68},"0"]]') as client:
        assert await client.sieve_get("alice", "fw") is None
        with pytest.raises(RemoteProtocolError, match="exit code 68"):
            await client.sieve_activate("alice", "fw")
    async with recorded(b'[["error",{"type":"exitCode", "exitCode":67},"0"]]') as client:
        assert await client.sieve_list("nobody") == ()


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"", b"401 Unauthorized", AccessRefused),
        (b"", b"500 Internal Server Error", RemoteProtocolError),
        (b"<html>", b"200 OK", RemoteProtocolError),
        (b"[]", b"200 OK", RemoteProtocolError),
        (b'[["doveadmResponse",[],"7"]]', b"200 OK", RemoteProtocolError),
        (b'[["surprise",[],"0"]]', b"200 OK", RemoteProtocolError),
        (b'[["doveadmResponse",[{"pid":"1"}],"0"]]', b"200 OK", RemoteProtocolError),
        (b'[["error",{"type":"unknownMethod", "exitCode":0},"0"]]', b"200 OK", Unsupported),
        (b'[["error",{"type":"exitCode", "exitCode":75},"0"]]', b"200 OK", Uncertain),
        (b'[["error",{"type":"exitCode", "exitCode":77},"0"]]', b"200 OK", AccessRefused),
        # recorded: the comma is missing after an invalid request
        (
            b'[["error",{"type":"invalidRequest", "exitCode":0},"0"]["doveadmResponse",[],"1"]]',
            b"200 OK",
            RemoteProtocolError,
        ),
    ],
)
async def test_what_is_no_answer_is_an_error(
    content: bytes, status: bytes, error: type[SystemFault]
) -> None:
    async with recorded(content, status) as client:
        with pytest.raises(error):
            await client.who()


async def test_a_server_that_is_down_is_unreachable() -> None:
    server = FakeDoveadm(HOST)
    await server.start()
    await server.stop()
    async with doveadm(server.url) as client:
        with pytest.raises(Unreachable):
            await client.who()


@pytest.mark.parametrize("mode", ["hang", "half", "drop", "late"])
async def test_a_request_that_was_sent_and_not_answered_is_uncertain(mode: str) -> None:
    async with FakeDoveadm(HOST) as server, doveadm(server.url, timeout_s=0.3) as client:
        server.mode = mode
        with pytest.raises(Uncertain):
            await client.who()


async def test_a_wrong_key_is_refused_and_shows_in_no_text() -> None:
    async with FakeDoveadm(HOST) as server, doveadm(server.url, key="wrong-key") as client:
        with pytest.raises(AccessRefused) as caught:
            await client.who()
        assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize("name", ["alice", "alice@corp.test", "CORP\\alice", "12345", "1.2@x"])
def test_a_name_can_be_kicked(name: str) -> None:
    assert kickable(name)


@pytest.mark.parametrize("name", ["al*ce", "a?ice", "10.0.0.7", "10.0.0.7/8", "1.2", "0x7f", "::1"])
def test_a_name_that_would_hit_others_is_not_kicked(name: str) -> None:
    assert not kickable(name)
