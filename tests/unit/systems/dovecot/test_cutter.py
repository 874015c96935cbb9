# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evict.agent.naming import spellings
from evict.core.secret import Secret
from evict.systems.dovecot.cutter import Cutter, Pace
from evict.systems.dovecot.doveadm import Doveadm
from tests.unit.systems.dovecot.fake_doveadm import KEY, FakeDoveadm
from tests.unit.systems.steps import Steps

HOST = "127.91.11.1"
PATIENCE_S = 15.0
QUICK = Pace(first_look=0.005, longest_look=0.05, quiet=0.3, first_retry=0.02, longest_retry=0.1)


@asynccontextmanager
async def cutting(
    server: FakeDoveadm, steps: Steps, pace: Pace = QUICK, timeout_s: float = 5.0
) -> AsyncIterator[Cutter]:
    client = Doveadm(server.url, Secret(KEY), system="dovecot", timeout_s=timeout_s)
    cutter = Cutter(client, spell=lambda n: spellings(n, "*") or (), report=steps, pace=pace)
    running = asyncio.create_task(cutter.run())
    try:
        yield cutter
    finally:
        running.cancel()
        await asyncio.wait([running])
        await client.close()


async def test_the_first_request_flushes_then_kicks_every_form() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        server.sessions = [("alice", "imap"), ("alice", "pop3"), ("bob", "imap")]
        cutter.cut("id-1", 7, ("alice", "alice@corp.test"))
        await steps.until(7, "kick")
        assert server.requests == 1
        assert [name for name, _ in server.commands] == ["authCacheFlush", "kick", "kick"]
        assert server.names() == {"bob"}
        await steps.until(7, "quiet")
        assert steps.names(7) == ["flush", "kick", "quiet"]
        assert server.names() == {"bob"}


async def test_a_session_under_another_spelling_is_found_and_kicked() -> None:
    steps = Steps(PATIENCE_S)
    spelled = ["alice+news@corp.test", "\uff41lice@corp.test", "alice@corp.test."]
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        server.sessions = [(name, "imap") for name in [*spelled, "alice2@corp.test"]]
        cutter.cut("id-1", 1, ("alice@corp.test",))
        await steps.until(1, "quiet")
        assert server.names() == {"alice2@corp.test"}
        assert (1, "look", 3, {"imap": 3}, "") in steps.all


async def test_a_login_in_flight_is_caught_before_quiet_is_said() -> None:
    survivors = await _survivors_at_quiet(QUICK)
    assert survivors == set()


async def test_without_the_quiet_time_a_login_in_flight_survives() -> None:
    """Sabotage: quiet is said at the second empty look."""
    hasty = Pace(first_look=0.005, longest_look=0.05, quiet=0.0)
    assert await _survivors_at_quiet(hasty) == {"alice"}


async def _survivors_at_quiet(pace: Pace) -> set[str]:
    """The login was past the hook before the gate shut; it is on the list 150 ms later."""
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps, pace) as cutter:
        cutter.cut("id-1", 1, ("alice",))
        await steps.until(1, "kick")
        loop = asyncio.get_running_loop()
        loop.call_later(0.15, server.sessions.append, ("alice", "imap"))
        await steps.until(1, "quiet")
        if pace.quiet == 0.0:
            await asyncio.sleep(0.2)
        return server.names()


async def test_a_thousand_leavers_are_one_flush_and_one_look() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        server.sessions = [(f"user{n}@corp.test", "imap") for n in range(990, 1010)]
        for n in range(1000):
            cutter.cut(f"id-{n}", n + 1, (f"user{n}", f"user{n}@corp.test"))
        for n in range(1000):
            await steps.until(n + 1, "quiet")
        assert server.names() == {f"user{n}@corp.test" for n in range(1000, 1010)}
        flushes = [p for name, p in server.commands if name == "authCacheFlush"]
        assert flushes[0] == {"user": []}
        assert server.requests < 60


async def test_a_reinstated_account_is_left_alone() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        cutter.cut("id-1", 1, ("alice",))
        await steps.until(1, "kick")
        cutter.spare("id-1")
        server.sessions = [("alice", "imap")]
        await asyncio.sleep(0.4)
        assert server.names() == {"alice"}
        assert "quiet" not in steps.names(1)


async def test_a_newer_entry_takes_the_place_of_an_older_one() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        cutter.cut("id-1", 1, ("alice",))
        cutter.cut("id-1", 3, ("alice",))
        await steps.until(3, "quiet")
        assert steps.names(1) == []


async def test_a_name_that_would_hit_others_is_said_and_not_kicked() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        server.sessions = [("10.0.0.7", "imap"), ("bob", "imap")]
        cutter.cut("id-1", 1, ("10.0.0.7",))
        await steps.until(1, "failed")
        await asyncio.sleep(0.4)
        assert ("kick", {"mask": ["10.0.0.7"]}) not in server.commands
        assert "quiet" not in steps.names(1)
