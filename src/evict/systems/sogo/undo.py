# SPDX-License-Identifier: Apache-2.0
"""Reinstatement: puts back exactly what an image says, unless it drifted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from evict.core.account import Account
from evict.core.errors import Bug
from evict.core.making import verb
from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.systems.sogo import profile
from evict.systems.sogo.devices import Rows
from evict.systems.sogo.measures import Said
from evict.systems.sogo.names import ACL, DEFAULTS, SETTINGS, key
from evict.systems.sogo.plan import device_of, roles_of, share_of
from evict.systems.sogo.profile import Texts
from evict.systems.sogo.stores import Stores

DONE, UNCHANGED, DRIFTED = EffectKind.DONE, EffectKind.UNCHANGED, EffectKind.DRIFTED
Put = Callable[[Account, BeforeImage, bool], Awaitable[Said]]


class Undo:
    """Undoes the measures of `measures.Measures` by their images."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._verbs: dict[str, Put] = {
            "stop-forward": self._forward,
            "set-aside-accounts": self._accounts,
            "take-delegates": self._delegates,
            "take-identity": self._delegates,
            "take-share": self._share,
            "set-aside-device": self._device,
        }

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        """Raises a `SystemFault`."""
        work = self._verbs.get(verb(image.measure))
        if work is None:
            raise Bug(f"the image of {image.measure} is not one of SOGo's connector")
        kind, detail = await work(account, image, overwrite)
        return Effect(measure=image.measure, kind=kind, detail=detail)

    async def _forward(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001 - one of `Put`
        uid, before = image.target, image.before["Forward"]
        async with self._stores.texts() as texts:
            now = await texts.value(profile.forward(uid))
            if now == before:
                return UNCHANGED, "forwarded as before"
            if not now:
                return DRIFTED, "the preferences have no forwarding any more"
            if not _same(now, image.after["Forward"]) and not overwrite:
                return DRIFTED, "forwarding was changed meanwhile"
            await texts.replace(profile.forward(uid), now, before)
        left = await self._stores.owed.settle(account.id, key(uid, DEFAULTS))
        return DONE, f"the switch is as before{left}"

    async def _accounts(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        uid = image.target
        async with self._stores.texts() as texts:
            aside = await texts.value(profile.aside(uid))
            now = await texts.value(profile.externals(uid))
            if not aside:
                return (UNCHANGED, "they are there") if now else (DRIFTED, "they were deleted")
            if now not in ("", "[]"):
                return DRIFTED, "there are other accounts now; those of before stay set aside"
            if now:  # SOGo writes an empty list when the preferences are saved
                await texts.remove_empty(profile.externals(uid))
            await texts.rename(profile.aside(uid), profile.EXTERNALS)
        left = await self._stores.owed.settle(account.id, key(uid, DEFAULTS))
        return DONE, f"they are where they were{left}"

    async def _delegates(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001 - one of `Put`
        """The leaver's own list, or somebody's with the leaver on it.

        Of somebody's list, whoever else came or went meanwhile is left so.
        """
        owner, holder = image.target, image.before.get("holder", "")
        before, place = image.before["DelegateTo"], profile.delegates(image.target)
        async with self._stores.texts() as texts:
            now = await texts.value(place)
            names = profile.delegates_of(now)
            if now == before or (holder and holder in names):
                return UNCHANGED, "the list is as before"
            if not now:
                return DRIFTED, f"the settings of {owner} have no such list any more"
            drifted = not _same(now, image.after["DelegateTo"])
            if drifted and not overwrite:
                return DRIFTED, f"the list of {owner} was changed meanwhile"
            new = profile.listed((*names, holder)) if drifted and holder else before
            await texts.replace(place, now, new)
            to = (holder,) if holder else profile.delegates_of(before)
            for delegate in to:
                await _other_end(texts, delegate, owner)
        keys = tuple(key(name, SETTINGS) for name in (owner, *to))
        return DONE, "put back" + await self._stores.owed.settle(account.id, *keys)

    async def _share(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001 - one of `Put`
        stores, share = self._stores, share_of(image.before)
        async with stores.write() as transaction:
            now = await stores.tables.standing(transaction, share)
            if now is None:
                return DRIFTED, f"the folder {share.object} is gone"
            if sorted(now) == sorted(share.roles):
                return UNCHANGED, "the right stands already"
            if now != roles_of(image.after["roles"]) and not overwrite:
                return DRIFTED, f"{share.holder} was given something else meanwhile"
            await stores.tables.set(transaction, share, share.roles)
        left = await stores.owed.settle(account.id, key(share.object.removeprefix("/"), ACL))
        return DONE, f"given back: {share.sentence}{left}"

    async def _device(self, account: Account, image: BeforeImage, overwrite: bool) -> Said:  # noqa: FBT001, ARG002 - one of `Put`
        device = device_of(image.target, image.before)
        async with self._stores.write() as transaction:
            rows = Rows(transaction, device)
            there = await rows.exist()
            aside, live = (await rows.aside(), await rows.live()) if there else (0, 0)
            if not aside and live:
                return UNCHANGED, "SOGo keeps this phone"
            if not aside:
                return DRIFTED, "what was kept for this phone is gone: it begins anew"
            if live and not overwrite:
                return DRIFTED, "the phone has begun anew meanwhile"
            count = await rows.put_back()
        return DONE, f"rows put back: {count}"


async def _other_end(texts: Texts, delegate: str, owner: str) -> None:
    """SOGo takes an owner off a delegate's own list once the two do not agree."""
    place = profile.delegators(delegate)
    text = await texts.value(place)
    owners = profile.delegates_of(text)
    if text and owner not in owners:
        await texts.replace(place, text, profile.listed((*owners, owner)))


def _same(one: str, other: str) -> bool:
    """Whether two texts are the same JSON: SOGo writes keys in another order at each save."""
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except msgspec.MsgspecError:
        return one == other
