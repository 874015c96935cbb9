# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import pytest

from evict.agent.naming import spellings
from evict.core.errors import RemoteProtocolError, Uncertain, Unreachable
from evict.systems.forward_auth.cutter import Cutter, Pace
from evict.systems.forward_auth.runtime import Live, Runtime
from tests.unit.systems.forward_auth.fakes import FORMS, HOST
from tests.unit.systems.steps import Steps

PATIENCE_S = 5.0
QUICK = Pace(first_look=0.005, longest_look=0.02, quiet=0.1, longest_retry=0.05)


class FakeFront:
    """A front's runtime socket.

    Attributes:
        raw: answers every command in place of the honest answer; b"" hangs.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, str] = {}
        self.stubborn: set[str] = set()
        self.ended: list[str] = []
        self.raw: bytes | None = None
        self.looks = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []
        self.server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self.serve, HOST, self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while line := await reader.readline():
                if self.raw is None:
                    writer.write(self._answer(line.decode().split()))
                    continue
                writer.write(self.raw)
                if self.raw.endswith(b"#"):
                    break
        except OSError:
            return
        finally:
            writer.close()

    def _answer(self, words: list[str]) -> bytes:
        if words[0] == "show":
            self.looks += 1
            lines = [f"{n} {login} 1.5\n" for n, login in self.sessions.items()]
            return "".join(lines).encode() + b"\n"
        there = words[2] in self.stubborn or self.sessions.pop(words[2], "")
        self.stubborn.discard(words[2])
        if not there:
            return b"No such session.\n\n"
        self.ended.append(words[2])
        return b"\n"


@asynccontextmanager
async def cutting(front: FakeFront, steps: Steps, timeout_s: float = 2.0) -> AsyncIterator[Cutter]:
    runtime = Runtime(front.address, system="exchange", timeout_s=timeout_s)
    cutter = Cutter(runtime, spell=lambda n: spellings(n) or (), report=steps, pace=QUICK)
    running = asyncio.create_task(cutter.run())
    try:
        yield cutter
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_live_requests_of_the_leaver_end_in_every_spelling_and_nobody_elses() -> None:
    steps, front = Steps(PATIENCE_S), FakeFront()
    front.sessions = {
        "1": "alice",
        "2": "bob",
        "3": "corp%5Calice",
        "4": "CORP/alice",
        "5": "alice%2Bx@corp.test",
        "6": "alice2",
    }
    async with front, cutting(front, steps) as cutter:
        cutter.cut("id-1", 7, FORMS)
        await steps.until(7, "quiet")
    assert sorted(front.sessions) == ["2", "6"]
    assert steps.names(7) == ["kick", "quiet"]
    assert steps.all[0] == (7, "kick", 4, {}, "")


async def test_it_looks_again_until_none_is_left() -> None:
    steps, front = Steps(PATIENCE_S), FakeFront()
    front.sessions, front.stubborn = {"1": "alice"}, {"1"}
    async with front, cutting(front, steps) as cutter:
        cutter.cut("id-1", 7, FORMS)
        await steps.until(7, "look")
        await steps.until(7, "quiet")
    assert steps.names(7) == ["kick", "look", "kick", "quiet"]
    assert steps.all[1][3] == {"http": 1}


async def test_nothing_to_end_is_said_and_the_spared_are_left_alone() -> None:
    steps, front = Steps(PATIENCE_S), FakeFront()
    async with front, cutting(front, steps) as cutter:
        cutter.cut("id-1", 7, FORMS)
        await steps.until(7, "kick")
        cutter.spare("id-1")
        front.sessions = {"1": "alice"}
        cutter.cut("id-2", 8, ("carol",))
        await steps.until(8, "quiet")
    assert front.ended == []
    assert "quiet" not in steps.names(7)


async def test_a_front_that_is_away_is_tried_until_it_is_back() -> None:
    steps, front = Steps(PATIENCE_S), FakeFront()
    async with front:
        front.sessions = {"1": "alice"}
    async with cutting(front, steps) as cutter:
        cutter.cut("id-1", 7, FORMS)
        await steps.until(7, "failed")
        async with front:
            await steps.until(7, "quiet")
    assert steps.names(7) == ["failed", "kick", "quiet"]


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", Uncertain),
        (b"1 alice 1#", Uncertain),
        (b"1 alice\n\n", RemoteProtocolError),
        (b"1 alice x\n\n", RemoteProtocolError),
        (b"1;x alice 1\n\n", RemoteProtocolError),
        (b"x" * 5000 + b"\n\n", RemoteProtocolError),
    ],
)
async def test_an_answer_that_is_none_is_told(raw: bytes, fault: type[Exception]) -> None:
    front = FakeFront()
    front.raw = raw
    async with front:
        with pytest.raises(fault):
            await Runtime(front.address, system="exchange", timeout_s=0.3).sessions()


async def test_a_runtime_socket_may_be_a_file(tmp_path: object) -> None:
    front = FakeFront()
    front.sessions = {"a1": "corp%5Cbob"}
    path = f"{tmp_path}/runtime.sock"
    server = await asyncio.start_unix_server(front.serve, path)
    async with server:
        runtime = Runtime(path, system="exchange")
        assert await runtime.sessions() == [Live("a1", "corp\\bob", 1.5)]
        assert await runtime.shutdown(["a1", "a2"]) == 1
    with pytest.raises(Unreachable):
        await Runtime(f"{tmp_path}/none", system="exchange").sessions()
