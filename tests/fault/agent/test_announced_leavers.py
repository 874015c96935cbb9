# SPDX-License-Identifier: Apache-2.0
"""An agent with an announced leaver, while the control plane and Dovecot fail around it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evict.agent.replica import Replica
from evict.ledger.feed import CutStep
from evict.systems.dovecot import policy as dovecot
from evict.systems.postfix import policy as postfix
from tests.unit.agent.fakes import Chain, FakeControl, announced, leaves, push
from tests.unit.agent.test_service import agent
from tests.unit.systems.dovecot.fake_doveadm import FakeDoveadm

HOST = "127.164.5.1"


def soon(seconds: float = 0.4) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def until(at: datetime) -> None:
    await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))


async def gone(server: FakeDoveadm, name: str) -> None:
    """Wait until that session is ended."""
    async with asyncio.timeout(10):
        while name in server.names():
            await asyncio.sleep(0.005)


async def test_hooks_refuse_and_cutters_cut_while_the_control_plane_is_away(
    tmp_path: Path,
) -> None:
    chain = Chain()
    async with FakeDoveadm(HOST) as server, agent(tmp_path, server) as estate:
        server.sessions = [("alice", "imap"), ("bob", "imap")]
        at = soon()
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(0)
            control.push(announced(leaves("id-1", at, "alice")))
            await control.listed(1)
        assert await estate.ask_dovecot("alice") == dovecot.LET_IN
        assert server.names() == {"alice", "bob"}
        await gone(server, "alice")
        assert datetime.now(UTC) >= at
        assert await estate.ask_dovecot("alice") == dovecot.REFUSE
        assert await estate.ask_postfix(b"ALICE") == postfix.REFUSE
        assert await estate.ask_dovecot("bob") == dovecot.LET_IN
        assert server.names() == {"bob"}


async def test_the_entry_of_a_control_plane_that_is_back_has_a_case_of_its_own(
    tmp_path: Path,
) -> None:
    """Steps for the announcement are told to nobody; those for the entry come whole."""
    chain = Chain()
    async with FakeDoveadm(HOST) as server, agent(tmp_path, server) as estate:
        server.sessions = [("alice", "imap")]
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(0)
            control.push(announced(leaves("id-1", soon(0.0), "alice")))
            await gone(server, "alice")
        entry = chain.revoke("id-1", "alice")
        async with FakeControl(estate.config.control.feed, push(entry)) as control:
            assert (await control.step(1, "quiet")).system == "dovecot"
            control.push(announced(number=1))
            await control.listed(1)
            assert await estate.ask_dovecot("alice") == dovecot.REFUSE
            seqs = {m.seq for m in control.said if isinstance(m, CutStep)}
            assert seqs == {1}


async def test_a_cancelled_one_is_left_alone_by_the_cutters(tmp_path: Path) -> None:
    chain = Chain()
    async with (
        FakeDoveadm(HOST) as server,
        agent(tmp_path, server) as estate,
        FakeControl(estate.config.control.feed, chain.snapshot()) as control,
    ):
        await control.acknowledged(0)
        server.mode = "busy"
        control.push(announced(leaves("id-1", soon(0.0), "alice")))
        await control.listed(1)
        assert await estate.ask_dovecot("alice") == dovecot.REFUSE
        control.push(announced(number=2))
        await control.listed(2)
        assert await estate.ask_dovecot("alice") == dovecot.LET_IN
        server.mode, server.sessions = "ok", [("alice", "imap")]
        control.push(push(chain.revoke("id-2", "carol")))
        await control.step(1, "quiet")
        assert server.names() == {"alice"}


async def test_a_list_of_rubbish_ends_the_connection_not_what_was_announced(
    tmp_path: Path,
) -> None:
    chain = Chain()
    async with FakeDoveadm(HOST) as server, agent(tmp_path, server) as estate:
        at = soon()
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(0)
            control.push(announced(leaves("id-1", at, "alice")))
            await control.listed(1)
            control.write(b"\0\0\0\x0c\x82\xa4type\xa9announ")
            control.write(b"\0\0\0\x02xx")
        await until(at)
        async with asyncio.timeout(5):
            while await estate.ask_dovecot("alice") != dovecot.REFUSE:
                await asyncio.sleep(0.005)


async def test_ten_thousand_at_one_instant(tmp_path: Path) -> None:
    chain = Chain()
    at = soon(3.0)
    people = [leaves(f"id-{n}", at, f"user{n}", f"user{n}@corp.test") for n in range(10_000)]
    async with FakeDoveadm(HOST) as server, agent(tmp_path, server) as estate:
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(0)
            control.push(announced(*people))
            await control.listed(1)
        assert datetime.now(UTC) < at
        await until(at)
        async with asyncio.timeout(1):
            while await estate.ask_dovecot("user9999") != dovecot.REFUSE:
                await asyncio.sleep(0.005)
        assert await estate.ask_dovecot("bob") == dovecot.LET_IN


async def test_without_reaching_the_instant_nobody_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the list alone, without the clock's loop, shuts nothing."""
    monkeypatch.setattr(Replica, "next_instant", None)
    chain = Chain()
    async with FakeDoveadm(HOST) as server, agent(tmp_path, server) as estate:
        at = soon()
        async with FakeControl(estate.config.control.feed, chain.snapshot()) as control:
            await control.acknowledged(0)
            control.push(announced(leaves("id-1", at, "alice")))
            await control.listed(1)
        await until(at + timedelta(seconds=0.7))
        assert await estate.ask_dovecot("alice") == dovecot.LET_IN
