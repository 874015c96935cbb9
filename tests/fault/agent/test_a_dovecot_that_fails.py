# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from tests.unit.systems.dovecot.fake_doveadm import FakeDoveadm
from tests.unit.systems.dovecot.test_cutter import PATIENCE_S, cutting
from tests.unit.systems.steps import Steps

HOST = "127.91.12.1"


@pytest.mark.parametrize("mode", ["hang", "half", "drop", "rubbish", "busy"])
async def test_a_cut_that_fails_is_said_and_finished_later(mode: str) -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps, timeout_s=0.1) as cutter:
        server.mode = mode
        server.sessions = [("alice", "imap"), ("bob", "imap")]
        cutter.cut("id-1", 1, ("alice",))
        await steps.until(1, "failed")
        assert "quiet" not in steps.names(1)
        server.mode = "ok"
        await steps.until(1, "quiet")
        assert server.names() == {"bob"}


async def test_a_dovecot_that_dies_between_kick_and_look_is_looked_at_when_it_is_back() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        cutter.cut("id-1", 1, ("alice",))
        await steps.until(1, "kick")
        await server.stop()
        await steps.until(1, "failed")
        server.sessions = [("alice", "imap")]
        await server.start()
        await steps.until(1, "quiet")
        assert server.names() == set()


async def test_one_cut_that_hangs_holds_up_no_other() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps, timeout_s=5) as cutter:
        server.mode = "hang"
        cutter.cut("id-1", 1, ("alice",))
        await server.asked.wait()
        server.mode = "ok"
        cutter.cut("id-2", 2, ("bob",))
        await steps.until(2, "quiet")
        assert steps.names(1) == []


async def test_many_cuts_that_failed_are_made_up_for_together() -> None:
    steps = Steps(PATIENCE_S)
    async with FakeDoveadm(HOST) as server, cutting(server, steps) as cutter:
        server.mode = "busy"
        for number in range(20):
            cutter.cut(f"id-{number}", number + 1, (f"user{number}",))
            await steps.until(number + 1, "failed")
        server.mode, asked = "ok", server.requests
        for number in range(20):
            await steps.until(number + 1, "flush")
        assert server.requests - asked < 10
