# SPDX-License-Identifier: Apache-2.0
"""Carries measures out. Each looks first, so that a repeat writes nothing and says so.

Each is one transaction; what SOGo caches of what was written is deleted after it, else a worker
would go on with it, and a session's next save would write it back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from evict.config.sogo import SogoSection
from evict.core.account import Account
from evict.core.errors import Bug
from evict.core.making import verb
from evict.core.measure import Effect, EffectKind, Measure
from evict.systems.sogo import profile
from evict.systems.sogo.devices import Rows
from evict.systems.sogo.names import ACL, DEFAULTS, SETTINGS, Names, key
from evict.systems.sogo.plan import device_of, roles_of, share_of
from evict.systems.sogo.stores import Stores

DONE, UNCHANGED = EffectKind.DONE, EffectKind.UNCHANGED
Said = tuple[EffectKind, str]


class Measures:
    """Applies the measures of `plan`."""

    def __init__(self, section: SogoSection, stores: Stores) -> None:
        self._section = section
        self._stores = stores
        self._verbs: dict[str, Callable[[Account, Measure], Awaitable[Said]]] = {
            "forget": self._forget,
            "stop-forward": self._stop_forward,
            "set-aside-accounts": self._set_aside_accounts,
            "take-delegates": self._take_delegates,
            "take-identity": self._take_identity,
            "take-share": self._take_share,
            "set-aside-device": self._set_aside_device,
        }

    async def apply(self, account: Account, measure: Measure) -> Effect:
        """Raises a `SystemFault`."""
        work = self._verbs.get(verb(measure.id))
        if work is None:
            raise Bug(f"the measure {measure.id} is not one of SOGo's connector")
        kind, detail = await work(account, measure)
        return Effect(measure=measure.id, kind=kind, detail=detail)

    async def _forget(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        paid = await self._stores.owed.pay(account.id)
        gone, clean = await self._stores.cache.forget_password(Names(self._section, account))
        if not clean:
            return EffectKind.FAILED, "it is cached again and again: does the directory refuse?"
        if gone or paid:
            return DONE, f"entries deleted: {gone + paid}"
        return UNCHANGED, "SOGo has no password of the leaver's"

    async def _stop_forward(self, account: Account, measure: Measure) -> Said:
        stores, uid = self._stores, measure.target
        async with stores.texts() as texts:
            text = await texts.value(profile.forward(uid))
            now = profile.forward_of(text) if text else None
            if now is None or not now.enabled:
                return UNCHANGED, "nothing is forwarded"
            await texts.replace(profile.forward(uid), text, profile.switched_off(now))
        return DONE, "the switch is off" + await stores.owed.settle(account.id, key(uid, DEFAULTS))

    async def _set_aside_accounts(self, account: Account, measure: Measure) -> Said:
        stores, uid = self._stores, measure.target
        async with stores.texts() as texts:
            if await texts.value(profile.externals(uid)) in ("", "[]"):
                return UNCHANGED, "SOGo keeps no account of elsewhere"
            if await texts.value(profile.aside(uid)):
                raise stores.strange("accounts were set aside before, and there are others now")
            await texts.rename(profile.externals(uid), profile.SET_ASIDE)
        return DONE, "set aside" + await stores.owed.settle(account.id, key(uid, DEFAULTS))

    async def _take_delegates(self, account: Account, measure: Measure) -> Said:
        stores, uid = self._stores, measure.target
        async with stores.texts() as texts:
            text = await texts.value(profile.delegates(uid))
            if not profile.delegates_of(text):
                return UNCHANGED, "nobody writes in the leaver's name"
            await texts.replace(profile.delegates(uid), text, "[]")
        return DONE, "the list is empty" + await stores.owed.settle(account.id, key(uid, SETTINGS))

    async def _take_identity(self, account: Account, measure: Measure) -> Said:
        stores, owner = self._stores, measure.target
        uid = Names(self._section, account).uid
        async with stores.texts() as texts:
            text = await texts.value(profile.delegates(owner))
            holder = profile.holder_of(profile.delegates_of(text), uid)
            if not holder:
                return UNCHANGED, f"the leaver does not write in the name of {owner}"
            await texts.replace(profile.delegates(owner), text, profile.without(text, holder))
        keys = (key(owner, SETTINGS), key(holder, SETTINGS))
        return DONE, "taken off the list" + await stores.owed.settle(account.id, *keys)

    async def _take_share(self, account: Account, measure: Measure) -> Said:
        if measure.image is None:
            raise Bug(f"{measure.id} has no image")
        stores, share = self._stores, share_of(measure.image.before)
        after = roles_of(measure.image.after["roles"])
        async with stores.write() as transaction:
            now = await stores.tables.standing(transaction, share)
            if not now or now == after:
                return UNCHANGED, "the right is gone already"
            await stores.tables.set(transaction, share, after)
        left = await stores.owed.settle(account.id, key(share.object.removeprefix("/"), ACL))
        return DONE, f"roles taken: {', '.join(now)}{left}"

    async def _set_aside_device(self, account: Account, measure: Measure) -> Said:  # noqa: ARG002 - same for all
        if measure.image is None:
            raise Bug(f"{measure.id} has no image")
        device = device_of(measure.target, measure.image.before)
        async with self._stores.write() as transaction:
            rows = Rows(transaction, device)
            if not await rows.exist() or not await rows.live():
                return UNCHANGED, "SOGo keeps nothing of this phone any more"
            count = await rows.set_aside()
        return DONE, f"rows set aside: {count}"
