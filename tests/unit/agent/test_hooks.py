# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from evict.agent.doctor import PauseSocket
from evict.agent.hooks import FEW, Listener, TcpAddress, UnixAddress, address_of
from evict.core.errors import ConfigError
from evict.systems.postfix.policy import LET_IN, REFUSE, Conversation

HOST = "127.91.13.1"
QUESTION = b"request=smtpd_access_policy\nsasl_username=%s\n\n"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


def conversation() -> Conversation:
    return Conversation(lambda login, _: login != b"alice")


def nothing_new() -> None:
    """The feed has brought nothing."""


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, login: bytes) -> bytes:
    writer.write(QUESTION % login)
    return await reader.readuntil(b"\n\n")


@pytest.mark.parametrize("group", [None, grp.getgrgid(os.getgid()).gr_name])
def test_where_to_listen_may_be_a_socket_file(group: str | None, tmp_path: Path) -> None:
    address = address_of(str(tmp_path / "s"), group=group)
    address.bind().close()
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == (0o660 if group else 0o600)
    assert isinstance(address_of("127.0.0.1:0"), TcpAddress)


async def test_it_answers_on_every_address_and_stop_drops_everybody(tmp_path: Path) -> None:
    path, port = tmp_path / "hook", free_port()
    hook = Listener(
        "postfix", [UnixAddress(path), TcpAddress(f"{HOST}:{port}")], conversation, nothing_new
    )
    await hook.start()
    over_unix = await asyncio.open_unix_connection(str(path))
    over_tcp = await asyncio.open_connection(HOST, port)
    for peer in (over_unix, over_tcp):
        assert await ask(*peer, b"alice") == REFUSE
        assert await ask(*peer, b"bob") == LET_IN
    await hook.stop()
    for reader, writer in (over_unix, over_tcp):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    assert not path.exists()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, port)
    await hook.start()
    reader, writer = await asyncio.open_connection(HOST, port)
    assert await ask(reader, writer, b"bob") == LET_IN
    writer.close()
    await hook.stop()


async def test_only_the_owner_and_the_group_may_connect(tmp_path: Path) -> None:
    path = tmp_path / "hook"
    group = grp.getgrgid(os.getgid()).gr_name
    hook = Listener("postfix", [UnixAddress(path, group=group)], conversation, nothing_new)
    await hook.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert path.stat().st_gid == os.getgid()
    await hook.stop()
    hook = Listener("postfix", [UnixAddress(path)], conversation, nothing_new)
    await hook.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await hook.stop()


async def test_a_socket_that_an_earlier_run_left_is_replaced_but_no_other_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "hook"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    hook = Listener("postfix", [UnixAddress(path)], conversation, nothing_new)
    await hook.start()
    await hook.stop()
    path.write_text("somebody's")
    with pytest.raises(ConfigError, match="cannot listen on"):
        await hook.start()
    assert path.read_text() == "somebody's"


@pytest.mark.parametrize("listen", ["127.0.0.1", "host:port", ":x"])
def test_an_address_that_is_none_is_a_configuration_error(listen: str) -> None:
    with pytest.raises(ConfigError, match="is not host:port"):
        TcpAddress(listen)


async def test_an_address_or_a_group_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such group"):
        await Listener(
            "p", [UnixAddress(tmp_path / "s", group="no-such")], conversation, nothing_new
        ).start()
    with pytest.raises(ConfigError, match=r"p: cannot listen on 192\.0\.2\.1:1"):
        await Listener("p", [TcpAddress("192.0.2.1:1")], conversation, nothing_new).start()


async def test_a_pause_stops_the_hooks_and_ends_by_itself(tmp_path: Path) -> None:
    port = free_port()
    hook = Listener("postfix", [TcpAddress(f"{HOST}:{port}")], conversation, nothing_new)
    await hook.start()
    pause = PauseSocket(UnixAddress(tmp_path / "control"), [hook])
    await pause.start()
    held = await asyncio.open_connection(HOST, port)
    assert await ask(*held, b"bob") == LET_IN
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control"))
    writer.write(b"pause-hooks 200\n")
    assert await reader.readline() == b"paused\n"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, port)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await ask(*held, b"bob")
    assert await _said(tmp_path / "control", b"pause-hooks 100\n") == b"refused\n"
    assert await reader.read() == b"resumed\n"
    again = await asyncio.open_connection(HOST, port)
    assert await ask(*again, b"bob") == LET_IN
    for peer in (held[1], again[1], writer):
        peer.close()
    await pause.stop()
    await hook.stop()


@pytest.mark.parametrize(
    "line",
    [b"pause-hooks 5001\n", b"pause-hooks 0\n", b"pause-hooks -1\n", b"stop\n", b"\n", b"\xff\n"],
)
async def test_any_other_line_is_refused(tmp_path: Path, line: bytes) -> None:
    pause = PauseSocket(UnixAddress(tmp_path / "control"), [])
    await pause.start()
    assert await _said(tmp_path / "control", line) == b"refused\n"
    await pause.stop()


async def test_a_pause_whose_asker_left_ends_all_the_same(tmp_path: Path) -> None:
    port = free_port()
    hook = Listener("postfix", [TcpAddress(f"{HOST}:{port}")], conversation, nothing_new)
    await hook.start()
    pause = PauseSocket(UnixAddress(tmp_path / "control"), [hook])
    await pause.start()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control"))
    writer.write(b"pause-hooks 150\n")
    assert await reader.readline() == b"paused\n"
    writer.transport.abort()
    await asyncio.sleep(0.4)
    peer = await asyncio.open_connection(HOST, port)
    assert await ask(*peer, b"bob") == LET_IN
    peer[1].close()
    await pause.stop()
    await hook.stop()


async def _said(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(line)
    answer = await reader.read()
    writer.close()
    return answer


async def _yes_after_the_push(path: Path, connections: int, *, looks: bool) -> int:
    """How many still come in. All ask in one turn of the loop, after a push that was not read."""
    pushed, closed = [b"alice"], set[bytes]()
    hook = Listener(
        "postfix",
        [UnixAddress(path)],
        lambda: Conversation(lambda login, _: login not in closed),
        (lambda: closed.update(pushed)) if looks else nothing_new,
    )
    await hook.start()
    peers = [await asyncio.open_unix_connection(str(path)) for _ in range(connections)]
    for _, writer in peers:
        writer.write(QUESTION % b"alice")
    answers = [await reader.readuntil(b"\n\n") for reader, _ in peers]
    for _, writer in peers:
        writer.close()
    await hook.stop()
    return answers.count(LET_IN)


@pytest.mark.parametrize("connections", [1, FEW, FEW + 1, 100])
async def test_the_feed_is_looked_at_before_any_answer(tmp_path: Path, connections: int) -> None:
    assert await _yes_after_the_push(tmp_path / "hook", connections, looks=True) == 0


@pytest.mark.parametrize("connections", [1, FEW + 1])
async def test_without_a_look_the_answers_are_old(tmp_path: Path, connections: int) -> None:
    """Sabotage."""
    assert await _yes_after_the_push(tmp_path / "hook", connections, looks=False) == connections


async def _looks_and_reads(path: Path, connections: int) -> list[str]:
    """What happens at the hook while everybody asks, in order."""
    seen: list[str] = []

    class Seen(Conversation):
        def receive(self, data: bytes) -> bytes:
            seen.append("answer")
            return super().receive(data)

    def converse() -> Conversation:
        return Seen(lambda *_: True)

    hook = Listener("postfix", [UnixAddress(path)], converse, lambda: seen.append("look"))
    await hook.start()
    peers = [await asyncio.open_unix_connection(str(path)) for _ in range(connections)]
    for _, writer in peers:
        writer.write(QUESTION % b"bob")
    for reader, writer in peers:
        assert await reader.readuntil(b"\n\n") == LET_IN
        writer.close()
    await hook.stop()
    return seen


async def test_many_questions_of_one_turn_share_a_look_and_none_comes_before_it(
    tmp_path: Path,
) -> None:
    few = await _looks_and_reads(tmp_path / "few", FEW)
    assert few == ["look", "answer"] * FEW
    many = await _looks_and_reads(tmp_path / "many", 100)
    assert many[0] == "look"
    assert many.count("answer") == 100
    assert many.count("look") < 20


async def test_a_look_that_fails_ends_the_connections_that_waited_for_it(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    told: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    error = OSError("no feed")

    def look() -> None:
        raise error

    path = tmp_path / "hook"
    hook = Listener("postfix", [UnixAddress(path)], conversation, look)
    await hook.start()
    peers = [await asyncio.open_unix_connection(str(path)) for _ in range(FEW + 1)]
    for _, writer in peers:
        writer.write(QUESTION % b"bob")
    for reader, writer in peers:
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
    assert told
    assert set(told) == {error}
    await hook.stop()
