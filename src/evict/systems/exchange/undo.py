# SPDX-License-Identifier: Apache-2.0
"""Reinstatement: puts back exactly what an image says, unless it drifted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from evict.core.account import Account
from evict.core.errors import Bug
from evict.core.making import verb
from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.systems.exchange.elsewhere import Elsewhere
from evict.systems.exchange.grants import FORWARDING, grant_of
from evict.systems.exchange.inventory import Reader
from evict.systems.exchange.measures import Said
from evict.systems.exchange.objects import Ace
from evict.systems.exchange.plan import ALLOWED, BLOCKED
from evict.systems.exchange.values import as_flag, as_text, rights_of
from evict.systems.exchange.writes import Writes

DONE, UNCHANGED, DRIFTED = EffectKind.DONE, EffectKind.UNCHANGED, EffectKind.DRIFTED
Put = Callable[[Account, BeforeImage, bool], Awaitable[Said]]


class Undo:
    """Undoes the measures of `measures.Measures` by their images."""

    def __init__(self, reader: Reader, writes: Writes, elsewhere: Elsewhere) -> None:
        self._reader = reader
        self._writes = writes
        self._elsewhere = elsewhere
        self._verbs: dict[str, Put] = {
            "features": self._features,
            "block-device": self._unblock,
            "wipe": self._cancel_wipe,
            "take-permission": self._give_permission,
            "quarantine": self._release,
            "take-grant": self._give_grant,
            "stop-forwarding": self._forward,
            "disable-rule": self._rule,
            "unpublish-calendar": self._publish,
            "lock-pin": self._unlock,
        }

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        """Raises a `SystemFault`."""
        work = self._verbs.get(verb(image.measure))
        if work is None:
            raise Bug(f"the image of {image.measure} is not one of Exchange's connector")
        kind, detail = await work(account, image, overwrite)
        return Effect(measure=image.measure, kind=kind, detail=detail)

    async def _features(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001 - one of `Put`
        seen = await self._reader.features(account.id)
        if seen is None:
            return DRIFTED, "the mailbox is gone"
        now = {name: as_text(value) for name, value in seen.flags.items()}
        back, drifted = {}, []
        for name, before in image.before.items():
            if now.get(name) == before:
                continue
            if now.get(name) != image.after[name] and not overwrite:
                drifted.append(name)
            else:
                back[name] = as_flag(before)
        if back:
            await self._writes.features(account.id, back)
        if drifted:
            return DRIFTED, f"changed by others and left as they are: {', '.join(drifted)}"
        names = ", ".join(back)
        return (DONE, f"put back: {names}") if back else (UNCHANGED, "all are as before")

    async def _unblock(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        """A block that others added in between cannot be told from ours: an id has one place."""
        seen = await self._reader.features(account.id)
        mine = image.target
        if seen is None:
            return DRIFTED, "the mailbox is gone"
        blocked = tuple(one for one in seen.blocked if one != mine)
        if image.before[BLOCKED] == "yes":
            blocked = seen.blocked
        allowed = None
        if image.before[ALLOWED] == "yes" and mine not in seen.allowed:
            allowed = (*seen.allowed, mine)
        if blocked == seen.blocked and allowed is None:
            return UNCHANGED, "the id is not blocked any more"
        await self._writes.device_ids(account.id, blocked, allowed)
        return DONE, "the id is blocked no more; the phone makes its partnership again"

    async def _cancel_wipe(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        devices = await self._reader.devices(account.id, wipes=True)
        mine = next((d for d in devices if d.device_id == image.target), None)
        if mine is None or not mine.wipe_sent:
            return UNCHANGED, "no order to wipe waits for this phone"
        if mine.wipe_taken:
            return DRIFTED, "the phone has wiped the account: it is set up there again by hand"
        await self._writes.cancel_wipe(mine)
        return DONE, "the order to wipe is cancelled"

    async def _give_permission(
        self,
        account: Account,
        image: BeforeImage,
        overwrite: bool,  # noqa: FBT001 - one of `Put`
    ) -> Said:
        before = Ace(user=image.target, rights=rights_of(image.before["rights"]))
        now = [
            entry
            for entry in await self._reader.permissions(account.id)
            if entry.user == image.target and not entry.inherited
        ]
        allow = next((set(e.rights) for e in now if not e.deny), set())
        if set(before.rights) <= allow:
            return UNCHANGED, f"{image.target} has the right already"
        if now and not overwrite:
            return DRIFTED, f"{image.target} was given something else meanwhile"
        await self._writes.give(account.id, before)
        if before not in await self._reader.permissions(account.id) and not now:
            return EffectKind.FAILED, f"the right of {image.target} is not seen after it was given"
        return DONE, f"{image.target} has {', '.join(before.rights)} again"

    async def _release(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        if not await self._reader.quarantined(account.id):
            return UNCHANGED, "the mailbox is not quarantined any more"
        await self._writes.release(account.id)
        return DONE, "the quarantine is lifted"

    async def _give_grant(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001 - one of `Put`
        grant = grant_of(image.before)
        now = await self._elsewhere.standing(grant, account.upn)
        if grant in now.grants:
            return UNCHANGED, "the right stands already"
        if now.grants and not overwrite:
            return DRIFTED, f"another right stands there meanwhile: {now.grants[0].sentence}"
        if now.grants:
            await self._writes.take_grant(now.grants[0], account.upn, now.on_behalf)
        await self._writes.give_grant(grant, account.upn, now.on_behalf)
        return DONE, f"given back: {grant.sentence}"

    async def _forward(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001 - one of `Put`
        seen = await self._reader.mailbox(account.id)
        if seen is None:
            return DRIFTED, "the mailbox is gone"
        texts = (
            seen.forwarding_address,
            seen.forwarding_smtp_address,
            as_text(seen.deliver_and_forward),
        )
        now = dict(zip(FORWARDING, texts, strict=True))
        if now == image.before:
            return UNCHANGED, "forwarded as before"
        if now != image.after and not overwrite:
            return DRIFTED, "forwarding was changed meanwhile"
        address, smtp, both = (image.before[name] for name in FORWARDING)
        values = dict(zip(FORWARDING, (address or None, smtp or None, both == "true"), strict=True))
        await self._writes.mailbox(account.id, **values)
        return DONE, "forwarded again as before"

    async def _rule(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        rules = await self._reader.rules(account.id)
        mine = next((rule for rule in rules if rule.identity == image.target), None)
        if mine is None:
            return DRIFTED, "the rule was deleted meanwhile"
        if mine.enabled:
            return UNCHANGED, f"the rule {mine.name!r} is enabled already"
        await self._writes.rule(account.id, image.target, enabled=True)
        return DONE, f"the rule {mine.name!r} is enabled again"

    async def _publish(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        now = await self._reader.calendar(account.id)
        if now is None:
            return DRIFTED, "the calendar is gone"
        if now.published:
            return UNCHANGED, "the calendar is published already"
        await self._writes.publish(account.id, published=True)
        return DONE, "the calendar is published again; its address may be another"

    async def _unlock(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        if not await self._reader.pin_locked(account.id):
            return UNCHANGED, "the PIN is not locked"
        await self._writes.pin(account.id, locked=False)
        return DONE, "the PIN is unlocked"
