# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from evict.core.errors import AccessRefused, RemoteProtocolError
from evict.core.measure import BeforeImage, EffectKind, Measure
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.dovecot.connector import DovecotConnector
from tests.unit.systems.dovecot.fake_doveadm import KEY
from tests.unit.systems.dovecot.fake_mailboxes import FakeMailboxes, Mailbox
from tests.unit.systems.dovecot.samples import ALICE, PASSWORDS, order, section

HOST = "127.83.11.1"
FORWARD = 'redirect "thief@far.test";\r\nkeep;\r\n'


def alices() -> Mailbox:
    box = Mailbox("alice", "alice@corp.test")
    box.scripts = {"work": FORWARD, "old": "keep;"}
    box.active = "work"
    return box


@asynccontextmanager
async def connected(server: FakeMailboxes) -> AsyncIterator[DovecotConnector]:
    made = DovecotConnector(section(server.url), Secret(KEY))
    try:
        yield made
    finally:
        await made.close()


async def deactivations(dovecot: DovecotConnector) -> list[Measure]:
    measures = dovecot.plan(ALICE, await dovecot.observe(ALICE, order()), order())
    return [m for m in measures if "deactivate-sieve" in m.id]


async def deactivated(dovecot: DovecotConnector) -> BeforeImage:
    """Carry the one deactivation out; give its before-image."""
    (measure,) = await deactivations(dovecot)
    await dovecot.apply(ALICE, measure, order(), PASSWORDS)
    assert measure.image is not None
    return measure.image


async def test_an_active_script_is_seen_with_its_redirect_and_deactivated() -> None:
    box = alices()
    async with FakeMailboxes(HOST, box) as server, connected(server) as dovecot:
        seen = await dovecot.observe(ALICE, order())
        assert "forwards to thief@far.test" in seen.facts[0]
        (measure,) = await deactivations(dovecot)
        assert "thief@far.test" in measure.why
        effect = await dovecot.apply(ALICE, measure, order(), PASSWORDS)
        assert (effect.kind, box.active) == (EffectKind.DONE, None)
        again = await dovecot.apply(ALICE, measure, order(), PASSWORDS)
        assert again.kind is EffectKind.UNCHANGED
        after = await dovecot.observe(ALICE, order())
        grant = next(s for s in after.sightings if s.door.protocol == "sieve")
        assert grant.outcome is Outcome.EMPTY
        assert await deactivations(dovecot) == []
    assert box.scripts["work"] == FORWARD


async def test_a_mailbox_is_asked_once_by_whatever_names_it_has() -> None:
    box = alices()
    async with FakeMailboxes(HOST, box) as server, connected(server) as dovecot:
        await dovecot.observe(ALICE, order())
    assert set(server.asked_users) == {"alice"}


async def test_an_aliass_own_mailbox_has_its_own_script() -> None:
    box, alias = alices(), Mailbox("a.smith")
    alias.scripts, alias.active = {"fwd": 'redirect "other@far.test";'}, "fwd"
    async with FakeMailboxes(HOST, box, alias) as server, connected(server) as dovecot:
        measures = await deactivations(dovecot)
        assert [m.target for m in measures] == ["alice", "a.smith"]
        for measure in measures:
            await dovecot.apply(ALICE, measure, order(), PASSWORDS)
    assert not box.active
    assert not alias.active


async def test_a_script_that_stays_active_is_never_called_deactivated() -> None:
    box = alices()
    box.stuck = True
    async with FakeMailboxes(HOST, box) as server, connected(server) as dovecot:
        (measure,) = await deactivations(dovecot)
        with pytest.raises(RemoteProtocolError, match="active still"):
            await dovecot.apply(ALICE, measure, order(), PASSWORDS)


async def test_a_refused_deactivation_is_raised() -> None:
    async with FakeMailboxes(HOST, alices()) as server, connected(server) as dovecot:
        (measure,) = await deactivations(dovecot)
        server.broken_sieve = 77
        with pytest.raises(AccessRefused):
            await dovecot.apply(ALICE, measure, order(), PASSWORDS)


async def test_an_undo_makes_the_same_script_the_active_one_again() -> None:
    box = alices()
    async with FakeMailboxes(HOST, box) as server, connected(server) as dovecot:
        image = await deactivated(dovecot)
        effect = await dovecot.undo(ALICE, image, overwrite=False)
        assert (effect.kind, box.active) == (EffectKind.DONE, "work")
        again = await dovecot.undo(ALICE, image, overwrite=False)
        assert again.kind is EffectKind.UNCHANGED


@pytest.mark.parametrize("drift", ["changed", "deleted", "replaced"])
async def test_what_drifted_is_shown_and_overwritten_only_on_demand(drift: str) -> None:
    box = alices()
    async with FakeMailboxes(HOST, box) as server, connected(server) as dovecot:
        image = await deactivated(dovecot)
        if drift == "changed":
            box.scripts["work"] += "# more"
        elif drift == "deleted":
            del box.scripts["work"]
        else:
            box.active = "old"
        before = (dict(box.scripts), box.active)
        effect = await dovecot.undo(ALICE, image, overwrite=False)
        assert effect.kind is EffectKind.DRIFTED
        assert (box.scripts, box.active) == before
        forced = await dovecot.undo(ALICE, image, overwrite=True)
        assert forced.kind is EffectKind.DONE
        assert (box.scripts["work"], box.active) == (FORWARD, "work")


async def test_a_script_that_cannot_be_fetched_counts_as_active() -> None:
    class Secretive(FakeMailboxes):
        def _sieve(
            self, name: str, box: Mailbox, parameters: dict[str, object], tag: str
        ) -> list[object]:
            if name == "sieveGet":
                return ["error", {"type": "exitCode", "exitCode": 68}, tag]
            return super()._sieve(name, box, parameters, tag)

    box = alices()
    async with Secretive(HOST, box) as server, connected(server) as dovecot:
        await deactivated(dovecot)
    assert box.active is None
