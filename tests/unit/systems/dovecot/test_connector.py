# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from evict.config.model import DovecotHook
from evict.core.door import Nature
from evict.core.errors import Bug, Unreachable
from evict.core.measure import Actor, EffectKind, Measure, Stage
from evict.core.secret import Secret
from evict.core.sighting import Method, Outcome
from evict.core.verdict import Judgement, judge
from evict.systems.base import Connector, Observation
from evict.systems.dovecot.connector import DovecotConnector
from tests.unit.systems.dovecot.fake_doveadm import KEY, FakeDoveadm
from tests.unit.systems.dovecot.fake_mailboxes import FakeMailboxes, Mailbox
from tests.unit.systems.dovecot.samples import ALICE, HOOK, PASSWORDS, order, section

HOST = "127.83.10.1"


@asynccontextmanager
async def connected(
    server: FakeDoveadm, *, hook: DovecotHook | None = HOOK, gssapi: bool = True
) -> AsyncIterator[DovecotConnector]:
    made = DovecotConnector(section(server.url, hook=hook, gssapi=gssapi), Secret(KEY))
    try:
        yield made
    finally:
        await made.close()


def outcomes(seen: Observation) -> dict[str, Outcome]:
    return {s.door.name: s.outcome for s in seen.sightings}


def named(measures: tuple[Measure, ...], verb: str) -> Measure:
    return next(m for m in measures if m.id.split(":")[1] == verb)


async def test_every_door_is_named_with_what_is_promised_of_it() -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        as_base: Connector = dovecot
        seen = await as_base.observe(ALICE, order())
    promised = {e.door.name: (e.nature, e.predicted_s is not None) for e in seen.expectations}
    doors = [f"dovecot/{p}/{c}" for c in ("password", "session") for p in ("imap", "pop3")]
    assert all(promised[door] == (Nature.PROVABLE, True) for door in doors)
    assert promised["dovecot/managesieve/session"] == (Nature.PROVABLE, True)
    assert promised["dovecot/imap/ticket"] == (Nature.PROVABLE, True)
    assert promised["dovecot/sieve/grant"] == (Nature.PROVABLE, True)
    assert promised["dovecot/device/copy"] == (Nature.UNPROVABLE, False)
    assert {s.method for s in seen.sightings} == {Method.LIST}


async def test_without_a_hook_nothing_is_promised_and_a_ticket_is_nobodys_to_prove() -> None:
    async with FakeMailboxes(HOST) as server, connected(server, hook=None) as dovecot:
        seen = await dovecot.observe(ALICE, order())
    promised = {e.door.name: e for e in seen.expectations}
    assert promised["dovecot/imap/password"].predicted_s is None
    assert promised["dovecot/imap/ticket"].nature is Nature.UNPROVABLE
    assert "ticket" in promised["dovecot/imap/ticket"].note


async def test_a_service_without_a_port_of_ours_is_looked_for_until_it_is_seen_to_be_gone() -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        server.sessions = [("alice", "submission")]
        before = await dovecot.observe(ALICE, order())
        server.sessions = []
        after = await dovecot.observe(ALICE, order())
    assert outcomes(before)["dovecot/submission/session"] is Outcome.PRESENT
    assert outcomes(after)["dovecot/submission/session"] is Outcome.EMPTY


async def test_sessions_are_counted_by_whatever_name_the_list_has() -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        server.sessions = [
            ("alice", "imap"),
            ("ALICE@corp.test", "imap"),
            ("a.smith+news@corp.test", "pop3"),
            ("alicia", "imap"),
            ("alice@other.test", "managesieve"),
            ("\u202ealice", "managesieve"),
        ]
        seen = await dovecot.observe(ALICE, order())
    assert outcomes(seen)["dovecot/imap/session"] is Outcome.PRESENT
    assert outcomes(seen)["dovecot/pop3/session"] is Outcome.PRESENT
    assert outcomes(seen)["dovecot/managesieve/session"] is Outcome.EMPTY
    assert seen.facts == ("live sessions: 2 imap", "live sessions: 1 pop3")


async def test_a_session_on_a_service_without_a_port_has_a_door_of_its_own() -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        server.sessions = [("alice", "indexer")]
        seen = await dovecot.observe(ALICE, order())
    assert outcomes(seen)["dovecot/indexer/session"] is Outcome.PRESENT
    assert "dovecot/indexer/session" in {e.door.name for e in seen.expectations}


async def test_a_server_that_is_down_shuts_no_door_and_hides_none() -> None:
    server = FakeMailboxes(HOST)
    await server.start()
    await server.stop()
    async with connected(server) as dovecot:
        seen = await dovecot.observe(ALICE, order())
    assert set(outcomes(seen).values()) == {Outcome.UNREACHABLE}
    commit = min(s.started_at for s in seen.sightings)
    verdicts = [judge(e, seen.sightings, commit) for e in seen.expectations]
    assert {v.judgement for v in verdicts} == {Judgement.UNVERIFIABLE}


@pytest.mark.parametrize("mode", ["drop", "half", "rubbish", "busy"])
async def test_half_an_answer_is_no_empty_list(mode: str) -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        server.mode = mode
        seen = await dovecot.observe(ALICE, order())
        assert not any(o.shut for o in outcomes(seen).values())
        server.mode = "ok"  # the same look with the fault gone: the check above can tell
        assert any(o.shut for o in outcomes(await dovecot.observe(ALICE, order())).values())


async def test_scripts_that_cannot_be_listed_do_not_hide_the_sessions() -> None:
    async with FakeMailboxes(HOST, Mailbox("alice")) as server, connected(server) as dovecot:
        server.sessions = [("alice", "imap")]
        server.broken_sieve = 77
        seen = await dovecot.observe(ALICE, order())
    assert outcomes(seen)["dovecot/imap/session"] is Outcome.PRESENT
    assert outcomes(seen)["dovecot/sieve/grant"] is Outcome.UNCLEAR
    assert [m.id for m in dovecot.plan(ALICE, seen, None) if m.actor is Actor.CONTROL] == []


async def test_with_a_hook_the_agent_refuses_flushes_and_kicks_in_this_order() -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
    ordered = sorted(measures, key=lambda m: m.stage)
    assert [m.id for m in ordered] == ["dovecot:refuse", "dovecot:flush", "dovecot:kick"]
    assert {m.actor for m in measures} == {Actor.AGENT}
    refused = {door.name for door in named(measures, "refuse").doors}
    assert "dovecot/imap/ticket" in refused
    assert all(m.why for m in measures)


async def test_without_a_hook_the_cache_is_flushed_only_after_the_directory_refuses() -> None:
    async with FakeMailboxes(HOST) as server, connected(server, hook=None) as dovecot:
        measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
    assert {m.actor for m in measures} == {Actor.CONTROL}
    assert Stage.CREDENTIALS < named(measures, "flush").stage < named(measures, "kick").stage


async def test_kick_looks_and_repeats_until_nothing_is_left() -> None:
    class Stubborn(FakeMailboxes):
        """Somebody who logs in again right after each kick, twice."""

        again = 2

        def _kick(self, masks: list[str], tag: str) -> list[object]:
            answer = super()._kick(masks, tag)
            if self.again:
                self.again -= 1
                self.sessions.append(("alice", "imap"))
            return answer

    async with Stubborn(HOST) as server, connected(server, hook=None) as dovecot:
        server.sessions = [("alice", "imap"), ("Alice", "pop3"), ("bob", "imap")]
        measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
        effect = await dovecot.apply(ALICE, named(measures, "kick"), order(), PASSWORDS)
        again = await dovecot.apply(ALICE, named(measures, "kick"), order(), PASSWORDS)
    assert effect.kind is EffectKind.DONE
    assert again.kind is EffectKind.UNCHANGED
    assert server.names() == {"bob"}


async def test_a_session_that_comes_back_for_ever_is_never_called_ended() -> None:
    class Deaf(FakeMailboxes):
        def _kick(self, masks: list[str], tag: str) -> list[object]:
            return ["doveadmResponse", [{"result": name} for name in masks], tag]

    async with Deaf(HOST) as server, connected(server, hook=None) as dovecot:
        server.sessions = [("alice", "imap")]
        measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
        effect = await dovecot.apply(ALICE, named(measures, "kick"), order(), PASSWORDS)
    assert effect.kind is EffectKind.FAILED


async def test_a_flush_names_the_leavers_forms_and_never_everybody() -> None:
    async with FakeMailboxes(HOST) as server, connected(server, hook=None) as dovecot:
        measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
        effect = await dovecot.apply(ALICE, named(measures, "flush"), order(), PASSWORDS)
        assert effect.kind is EffectKind.DONE
        nobody = structs.replace(order(), forms=())
        assert await dovecot.forget(nobody.forms) == 0
    flushed = [p["user"] for name, p in server.commands if name == "authCacheFlush"]
    assert [set(users) for users in flushed] == [set(order().forms)]


async def test_a_dead_server_is_no_done_flush() -> None:
    server = FakeMailboxes(HOST)
    await server.start()
    await server.stop()
    async with connected(server, hook=None) as dovecot:
        with pytest.raises(Unreachable):
            await dovecot.forget(["alice"])


async def test_a_measure_of_somebody_else_is_our_own_mistake() -> None:
    async with FakeMailboxes(HOST) as server, connected(server) as dovecot:
        measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
        with pytest.raises(Bug):
            await dovecot.apply(ALICE, named(measures, "refuse"), order(), PASSWORDS)


def test_each_configured_protocol_has_one_endpoint() -> None:
    dovecot = DovecotConnector(section(pop3_port=None), Secret(KEY))
    ports = {e.protocol: (e.port, e.tls.value) for e in dovecot.endpoints()}
    assert ports == {"imap": (993, "implicit"), "managesieve": (4190, "starttls")}
