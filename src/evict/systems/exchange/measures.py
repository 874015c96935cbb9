# SPDX-License-Identifier: Apache-2.0
"""Carries measures out. Each looks first, so that a repeat writes nothing and says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from evict.core.account import Account
from evict.core.errors import Bug
from evict.core.making import verb
from evict.core.measure import Effect, EffectKind, Measure
from evict.systems.exchange.disturbing import Disturbing
from evict.systems.exchange.elsewhere import Elsewhere
from evict.systems.exchange.grants import FORWARDING, grant_of
from evict.systems.exchange.inventory import Reader
from evict.systems.exchange.objects import Device
from evict.systems.exchange.versions import FLAGS
from evict.systems.exchange.writes import Writes

DONE: Final = EffectKind.DONE
UNCHANGED: Final = EffectKind.UNCHANGED
Said = tuple[EffectKind, str]


class Measures:
    """Applies the measures of `plan`, the disturbing ones by `Disturbing`."""

    def __init__(
        self, reader: Reader, writes: Writes, elsewhere: Elsewhere, disturbing: Disturbing
    ) -> None:
        self._reader = reader
        self._writes = writes
        self._elsewhere = elsewhere
        self._disturbing = disturbing
        self._verbs: dict[str, Callable[[Account, Measure], Awaitable[Said]]] = {
            "features": self._features,
            "block-device": self._block,
            "wipe": self._wipe,
            "remove-partnership": self._remove,
            "take-permission": self._take_permission,
            "quarantine": self._quarantine,
            "take-grant": self._take_grant,
            "stop-forwarding": self._forwarding,
            "disable-rule": self._rule,
            "unpublish-calendar": self._calendar,
            "lock-pin": self._pin,
            "recycle": disturbing.recycle,
            "move": disturbing.move,
            "iisreset": disturbing.iisreset,
        }

    async def apply(self, account: Account, measure: Measure) -> Effect:
        """Raises a `SystemFault`."""
        work = self._verbs.get(verb(measure.id))
        if work is None:
            raise Bug(f"the measure {measure.id} is not one of Exchange's connector")
        kind, detail = await work(account, measure)
        return Effect(measure=measure.id, kind=kind, detail=detail)

    async def _features(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        now = await self._reader.features(account.id)
        if now is None or not now.open:
            return UNCHANGED, "everything is switched off already"
        await self._writes.features(account.id, {name: FLAGS[name] for name in now.open})
        return DONE, f"switched off: {', '.join(now.open)}"

    async def _block(self, account: Account, measure: Measure) -> Said:
        now, mine = await self._reader.features(account.id), measure.target
        if now is None or (mine in now.blocked and mine not in now.allowed):
            return UNCHANGED, "the id is blocked already"
        allowed = None
        if mine in now.allowed:
            allowed = tuple(one for one in now.allowed if one != mine)
        blocked = dict.fromkeys((*now.blocked, mine))
        await self._writes.device_ids(account.id, blocked, allowed)
        return DONE, "the id is blocked"

    async def _device(
        self, account: Account, measure: Measure, *, wipes: bool = False
    ) -> Device | None:
        devices = await self._reader.devices(account.id, wipes=wipes)
        return next((d for d in devices if d.device_id == measure.target), None)

    async def _wipe(self, account: Account, measure: Measure) -> Said:
        device = await self._device(account, measure, wipes=True)
        if device is None:
            return UNCHANGED, "there is no such partnership any more"
        if device.wipe_sent or device.wipe_taken:
            return UNCHANGED, f"ordered already; taken: {device.wipe_taken or 'not yet'}"
        await self._writes.wipe(device)
        return DONE, "ordered; a phone that makes no contact keeps what it has"

    async def _remove(self, account: Account, measure: Measure) -> Said:
        device = await self._device(account, measure)
        if device is None:
            return UNCHANGED, "the partnership is gone already"
        await self._writes.remove(device)
        return DONE, "the partnership is removed"

    async def _take_permission(self, account: Account, measure: Measure) -> Said:
        mine = [
            entry
            for entry in await self._reader.permissions(account.id)
            if entry.user == measure.target and entry.whole and not entry.inherited
        ]
        if not mine:
            return UNCHANGED, f"{measure.target} has no right of its own any more"
        for entry in mine:
            await self._writes.take(account.id, entry)
        if set(mine) & set(await self._reader.permissions(account.id)):
            raise self._writes.still(f"the right of {measure.target}")
        return DONE, f"the right of {measure.target} is taken"

    async def _quarantine(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        if await self._reader.quarantined(account.id):
            return UNCHANGED, "quarantined already"
        await self._writes.quarantine(account.id)
        return DONE, "quarantined for 30 days; mail to it bounces from now on"

    async def _take_grant(self, account: Account, measure: Measure) -> Said:
        if measure.image is None:
            raise Bug(f"{measure.id} has no image")
        grant = grant_of(measure.image.before)
        now = await self._elsewhere.standing(grant, account.upn)
        if grant not in now.grants:
            return UNCHANGED, "the right is gone already"
        await self._writes.take_grant(grant, account.upn, now.on_behalf)
        if grant in (await self._elsewhere.standing(grant, account.upn)).grants:
            raise self._writes.still(f"the right {grant.sentence}")
        self._elsewhere.taken(account.id, grant)
        return DONE, f"taken: {grant.sentence}"

    async def _forwarding(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        mine = await self._reader.mailbox(account.id)
        if mine is None or not (mine.forwarding_address or mine.forwarding_smtp_address):
            return UNCHANGED, "nothing is forwarded"
        cleared = dict(zip(FORWARDING, (None, None, False), strict=True))
        await self._writes.mailbox(account.id, **cleared)
        return DONE, "both attributes are cleared"

    async def _rule(self, account: Account, measure: Measure) -> Said:
        rules = await self._reader.rules(account.id)
        mine = next((rule for rule in rules if rule.identity == measure.target), None)
        if mine is None or not mine.enabled:
            return UNCHANGED, "the rule is not there or not enabled any more"
        await self._writes.rule(account.id, measure.target, enabled=False)
        return DONE, f"the rule {mine.name!r} is disabled"

    async def _calendar(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        now = await self._reader.calendar(account.id)
        if now is None or not now.published:
            return UNCHANGED, "the calendar is not published"
        await self._writes.publish(account.id, published=False)
        return DONE, "the calendar is published no more"

    async def _pin(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        if await self._reader.pin_locked(account.id):
            return UNCHANGED, "the PIN is locked already"
        await self._writes.pin(account.id, locked=True)
        return DONE, "the PIN is locked"
