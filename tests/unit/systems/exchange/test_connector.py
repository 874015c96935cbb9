# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from evict.core.account import Account
from evict.core.errors import AccessRefused, Bug, Uncertain
from evict.core.exposure import Severity
from evict.core.measure import BeforeImage, Effect, EffectKind, Measure
from evict.core.sighting import Outcome
from evict.lab.model.mailbox import MobileDevice
from evict.systems.base import Connector, Observation, Order
from evict.systems.exchange.connector import ExchangeConnector
from evict.systems.exchange.inventory import Inventory
from tests.unit.systems.exchange.cutting import Cutter, never
from tests.unit.systems.exchange.organisation import NOON, Running, running
from tests.unit.systems.exchange.samples import NOTHING, order

VERSIONS = ("2010", "2013", "2016", "SE")
BOUNCE = order(allow_bounce=True)


async def carried_out(
    connector: ExchangeConnector, account: Account, ordered: Order
) -> tuple[list[Measure], list[Effect]]:
    """Observe, plan, apply, as a case does it."""
    seen = await connector.observe(account, ordered)
    measures = list(connector.plan(account, seen, ordered))
    effects = [await connector.apply(account, m, ordered, NOTHING) for m in measures]
    return measures, effects


def outcomes(seen: Observation) -> dict[str, Outcome]:
    return {s.door.name.removeprefix("exchange/"): s.outcome for s in seen.sightings}


def inventory(seen: Observation) -> Inventory:
    assert isinstance(seen.state, Inventory)
    return seen.state


@pytest.mark.parametrize("version", VERSIONS)
async def test_everything_is_shut_and_put_back_exactly(version: str, tmp_path: Path) -> None:
    async with running(version, tmp_path) as run:
        connector, ann = run.connector(), run.account()
        before = await connector.observe(ann, None)
        told = outcomes(before)
        assert set(told.values()) == {Outcome.PRESENT}, told
        measures, effects = await carried_out(connector, ann, BOUNCE)
        assert {e.kind for e in effects} == {EffectKind.DONE}, effects
        shut = await connector.observe(ann, BOUNCE)
        quarantined = {Outcome.REFUSED} if version != "2010" else set()
        assert set(outcomes(shut).values()) == {Outcome.EMPTY} | quarantined, shut.sightings
        assert connector.plan(ann, shut, BOUNCE) == ()
        _is_shut(run, version)
        again = [await connector.apply(ann, m, BOUNCE, NOTHING) for m in measures]
        assert {e.kind for e in again} == {EffectKind.UNCHANGED}, again
        images = [m.image for m in measures if m.image]
        undone = [await connector.undo(ann, i, overwrite=False) for i in reversed(images)]
        assert {e.kind for e in undone} == {EffectKind.DONE}, undone
        after = await connector.observe(ann, None)
        # A partnership is the phone's to make again.
        assert _comparable(inventory(after)) == _comparable(inventory(before))
        undone = [await connector.undo(ann, i, overwrite=False) for i in reversed(images)]
        assert {e.kind for e in undone} == {EffectKind.UNCHANGED}, undone
        await connector.close()


def _is_shut(run: Running, version: str) -> None:
    """By what the organisation itself holds, not by what the connector says."""
    ann, bob, cay = (run.organisation.mailboxes[s] for s in ("ann", "bob", "cay"))
    allowed = [e.user for e in ann.acl if not e.inherited and "FullAccess" in e.rights]
    assert allowed == ["CORP\\bob"]
    assert ann.blocked_devices == ["PHONE1"]
    assert not ann.devices
    assert (ann.quarantine is not None) == (version != "2010")
    hidden = "103" if version == "2010" else ""
    assert [r.identity for r in ann.rules if r.enabled] == sorted(filter(None, ("102", hidden)))
    assert (ann.forwarding_address, ann.forwarding_smtp_address) == (None, None)
    assert not ann.calendar.enabled
    assert "CORP\\ann" not in {e.user for e in bob.acl}
    assert not bob.send_as
    assert not cay.send_on_behalf
    assert not cay.folder_permissions.get("Calendar")


def _comparable(seen: Inventory) -> Inventory:
    return structs.replace(seen, devices=())


async def test_what_others_have_here_is_told_and_stays(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        connector, ann = run.connector(), run.account()
        seen = await connector.observe(ann, None)
        assert any("others here: CORP\\bob: full access" in fact for fact in seen.facts)
        await carried_out(connector, ann, order())
        assert "CORP\\bob" in {e.user for e in run.organisation.mailboxes["ann"].acl}
        await connector.close()


async def test_an_account_without_a_mailbox_has_no_doors(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        connector: Connector = run.connector()
        seen = await connector.observe(run.account("svc-evict"), None)
        assert seen.expectations == ()
        assert connector.plan(run.account("svc-evict"), seen, order()) == ()
        await connector.close()


async def test_a_new_partnership_is_blocked_by_the_next_look(tmp_path: Path) -> None:
    async with running("2016", tmp_path) as run:
        connector, ann = run.connector(), run.account()
        await connector.observe(ann, None)  # waits for the search of other mailboxes
        await carried_out(connector, ann, order())
        box = run.organisation.mailboxes["ann"]
        box.devices["PHONE2"] = MobileDevice("PHONE2", "Android", "x", NOON, NOON)
        measures, _ = await carried_out(connector, ann, order())
        assert [m.id.partition(":")[2] for m in measures] == [
            "block-device:PHONE2",
            "remove-partnership:PHONE2",
        ]
        assert box.blocked_devices == ["PHONE1", "PHONE2"]
        await connector.close()


async def test_a_wipe_is_ordered_and_can_be_cancelled_until_it_is_taken(tmp_path: Path) -> None:
    async with running("2016", tmp_path) as run:
        connector, ann = run.connector(wipe_account=True), run.account()
        measures, effects = await carried_out(connector, ann, order())
        assert effects[0].measure == "exchange:wipe:PHONE1"
        box = run.organisation.mailboxes["ann"]
        assert box.devices["PHONE1"].wipe == "pending"
        image = measures[0].image
        assert image is not None
        box.devices["PHONE1"].wipe = "acknowledged"
        effect = await connector.undo(ann, image, overwrite=False)
        assert effect.kind is EffectKind.DRIFTED
        box.devices["PHONE1"].wipe = "pending"
        effect = await connector.undo(ann, image, overwrite=False)
        assert (effect.kind, box.devices["PHONE1"].wipe) == (EffectKind.DONE, "")
        await connector.close()


async def test_a_role_that_is_missing_is_named_and_hides_nothing_else(tmp_path: Path) -> None:
    async with running("2019", tmp_path, groups=("Recipient Management",)) as run:
        connector, ann = run.connector(), run.account()
        findings = await connector.findings()
        missing = {f.text.split(":")[0] for f in findings if f.code == "exchange-role-missing"}
        assert "no role of the service account holds Get-ADPermission" in missing
        assert {f.severity for f in findings if f.code == "exchange-server-shell"} == {
            Severity.ERROR
        }
        seen = await connector.observe(ann, None)
        told = outcomes(seen)
        assert told["elsewhere/grant"] is Outcome.UNCLEAR
        assert told["forward/grant"] is Outcome.PRESENT
        assert any(fact.startswith("log of ex01") for fact in seen.facts)
        quarantine = next(m for m in connector.plan(ann, seen, BOUNCE) if "quarantine" in m.id)
        with pytest.raises(AccessRefused, match="Enable-MailboxQuarantine"):
            await connector.apply(ann, quarantine, BOUNCE, NOTHING)
        again = connector.plan(ann, seen, BOUNCE)
        assert [m.id for m in again].count(quarantine.id) == 1
        await connector.close()


async def test_the_doctor_finds_nothing_wrong_with_an_administrator(tmp_path: Path) -> None:
    async with running("2013", tmp_path) as run:
        connector = run.connector()
        findings = await connector.findings()
        assert {f.severity for f in findings} == {Severity.OK}
        run.organisation.admin.set_token_ttl("ex02", 7200)
        worse = [f for f in await connector.findings() if f.severity is Severity.WARNING]
        assert [f.code for f in worse] == ["exchange-token-life"]
        lines = await connector.exposure()
        owa = next(line for line in lines if line.door.name == "exchange/owa/password")
        assert owa.value.startswith("7200 s")
        await connector.close()


async def test_a_measure_of_somebody_else_is_a_bug(tmp_path: Path) -> None:
    async with running("2019", tmp_path) as run:
        connector, ann = run.connector(), run.account()
        seen = await connector.observe(ann, None)
        foreign = structs.replace(connector.plan(ann, seen, order())[0], id="exchange:x")
        with pytest.raises(Bug):
            await connector.apply(ann, foreign, order(), NOTHING)
        image = BeforeImage(measure="exchange:x", system="exchange", target="", before={}, after={})
        with pytest.raises(Bug):
            await connector.undo(ann, image, overwrite=False)
        await connector.close()


async def test_what_was_not_answered_is_looked_at_again_until_it_is_settled(
    tmp_path: Path,
) -> None:
    async with running("2019", tmp_path) as run, Cutter(run.address, run.ports[""]) as cutter:
        url = f"https://{run.address}:{cutter.port}/PowerShell"
        connector, ann = run.connector(shell_url=url), run.account()
        seen = await connector.observe(ann, None)
        forwarding = next(
            m for m in connector.plan(ann, seen, order()) if m.id == "exchange:stop-forwarding"
        )
        box = run.organisation.mailboxes["ann"]
        cutter.cut_when = lambda: box.forwarding_smtp_address is None
        with pytest.raises(Uncertain):
            await connector.apply(ann, forwarding, order(), NOTHING)
        cutter.cut_when = never
        assert box.forwarding_smtp_address is None
        now = await connector.observe(ann, order())
        assert outcomes(now)["forward/grant"] is Outcome.EMPTY
        again = [m for m in connector.plan(ann, now, order()) if m.id == forwarding.id]
        effect = await connector.apply(ann, again[0], order(), NOTHING)
        assert effect.kind is EffectKind.UNCHANGED
        later = connector.plan(ann, now, order())
        assert forwarding.id not in [m.id for m in later]
        await connector.close()
