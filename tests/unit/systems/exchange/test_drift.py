# SPDX-License-Identifier: Apache-2.0
"""What others changed in between is seen and left, unless it is to be written over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.lab.model.mailbox import PermissionEntry
from evict.lab.model.organisation import Organisation
from evict.systems.exchange.connector import ExchangeConnector
from tests.unit.systems.exchange.organisation import Running, running
from tests.unit.systems.exchange.samples import NOTHING, order

ORDER = order(allow_bounce=True)


class Shut:
    """An organisation whose leaver was just shut out, and the images of that."""

    def __init__(self, run: Running, connector: ExchangeConnector) -> None:
        self.run = run
        self.connector = connector
        self.images: dict[str, BeforeImage] = {}

    async def undo(self, verb: str, *, overwrite: bool = False) -> Effect:
        image = next(i for name, i in self.images.items() if name.startswith(f"exchange:{verb}"))
        account = self.run.account()
        return await self.connector.undo(account, image, overwrite=overwrite)


@asynccontextmanager
async def shut(folder: Path) -> AsyncIterator[Shut]:
    async with running("2016", folder) as run:
        run.organisation.mailboxes["ann"].um_enabled = True
        run.organisation.mailboxes["ann"].allowed_devices = ["PHONE1"]
        made = Shut(run, run.connector())
        account = run.account()
        seen = await made.connector.observe(account, None)
        for measure in made.connector.plan(account, seen, ORDER):
            await made.connector.apply(account, measure, ORDER, NOTHING)
            if measure.image:
                made.images[measure.id] = measure.image
        yield made
        await made.connector.close()


def _rule_is_deleted(organisation: Organisation) -> None:
    organisation.mailboxes["ann"].rules.clear()


def _forwarded_elsewhere(organisation: Organisation) -> None:
    organisation.mailboxes["ann"].forwarding_smtp_address = "boss@corp.example"


def _given_less(organisation: Organisation) -> None:
    entry = PermissionEntry(user="NT AUTHORITY\\SELF", rights=("ReadPermission",))
    organisation.mailboxes["ann"].acl.append(entry)


def _given_another_right(organisation: Organisation) -> None:
    organisation.mailboxes["cay"].folder_permissions["Calendar"] = {"ann": ("Reviewer",)}


DRIFTS: dict[str, Callable[[Organisation], None]] = {
    "disable-rule": _rule_is_deleted,
    "stop-forwarding": _forwarded_elsewhere,
    "take-permission:NT AUTHORITY\\SELF": _given_less,
    "take-grant:folder": _given_another_right,
}


@pytest.mark.parametrize("verb", DRIFTS)
async def test_what_drifted_is_told_and_left(verb: str, tmp_path: Path) -> None:
    async with shut(tmp_path) as made:
        DRIFTS[verb](made.run.organisation)
        effect = await made.undo(verb)
        assert effect.kind is EffectKind.DRIFTED
        assert effect.detail


@pytest.mark.parametrize("verb", [verb for verb in DRIFTS if verb != "disable-rule"])
async def test_what_drifted_is_written_over_where_that_is_wanted(verb: str, tmp_path: Path) -> None:
    async with shut(tmp_path) as made:
        DRIFTS[verb](made.run.organisation)
        effect = await made.undo(verb, overwrite=True)
        assert effect.kind is EffectKind.DONE
        assert (await made.undo(verb)).kind is EffectKind.UNCHANGED


async def test_a_switch_that_somebody_turned_is_left_and_the_others_are_put_back(
    tmp_path: Path,
) -> None:
    async with shut(tmp_path) as made:
        account = made.run.account()
        image = made.images["exchange:features"]
        after = image.after | {"OWAEnabled": "something else"}
        drifted = BeforeImage(
            measure=image.measure,
            system=image.system,
            target="",
            before=image.before,
            after=after,
        )
        effect = await made.connector.undo(account, drifted, overwrite=False)
        assert effect.kind is EffectKind.DRIFTED
        assert effect.detail.endswith("OWAEnabled")
        flags = made.run.organisation.mailboxes["ann"].features
        assert not flags["owa"]
        assert flags["activesync"]
        effect = await made.connector.undo(account, drifted, overwrite=True)
        assert effect.detail == "put back: OWAEnabled"


async def test_an_allowed_id_is_allowed_again(tmp_path: Path) -> None:
    async with shut(tmp_path) as made:
        box = made.run.organisation.mailboxes["ann"]
        assert (box.allowed_devices, box.blocked_devices) == ([], ["PHONE1"])
        box.blocked_devices.append("OTHER")
        await made.undo("block-device")
        assert (box.allowed_devices, box.blocked_devices) == (["PHONE1"], ["OTHER"])


async def test_the_phone_pin_is_locked_and_unlocked(tmp_path: Path) -> None:
    async with shut(tmp_path) as made:
        seen = await made.connector.observe(made.run.account(), None)
        told = {s.door.name: s.detail for s in seen.sightings}
        assert told["exchange/um/grant"] == "the phone PIN is locked"
        assert (await made.undo("lock-pin")).kind is EffectKind.DONE
        assert (await made.undo("lock-pin")).kind is EffectKind.UNCHANGED
