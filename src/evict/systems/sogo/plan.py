# SPDX-License-Identifier: Apache-2.0
"""The measures of one leaver at SOGo. Pure: from what was seen, nothing else.

Level-triggered: what is done already is not planned again. The cached password is deleted after
the directory refuses, not before: SOGo would take it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Unpack

import msgspec

from evict.config.fronts import ends_requests
from evict.config.sogo import SogoSection
from evict.core.door import Door
from evict.core.making import More, measure
from evict.core.measure import Actor, Measure, Stage
from evict.systems.sogo.doors import Doors
from evict.systems.sogo.inventory import (
    NOTHING,
    Device,
    Identity,
    Inventory,
    Profile,
    Share,
    Shares,
)
from evict.systems.sogo.profile import EXTERNALS, SET_ASIDE, switched_off, without


class Planner:
    """Plans for one configured SOGo."""

    def __init__(self, section: SogoSection, doors: Doors) -> None:
        self._section = section
        self._doors = doors

    def plan(self, seen: Inventory) -> tuple[Measure, ...]:
        """The measures that are still needed, in the order of their stages."""
        return (
            *self._front(),
            *self._forget(seen),
            *self._profile(seen.profile),
            *(self._identity(one) for one in seen.identities or ()),
            *self._shares(seen.shares),
            *(self._device(one) for one in seen.devices or ()),
        )

    def _front(self) -> Iterator[Measure]:
        if self._section.hook is None and self._section.haproxy is None:
            return
        doors = (*self._doors.passwords, *self._doors.sessions)
        yield self._measure(
            "refuse",
            Stage.REFUSE,
            doors,
            why="The front refuses each request of the leaver's, so nothing of it reaches SOGo any"
            " more, whatever cookies and cached passwords there are.",
            actor=Actor.AGENT,
            undo="A reinstatement in the ledger lets the front say yes again.",
        )
        if not ends_requests(self._section.hook, self._section.haproxy):
            return
        yield self._measure(
            "kick",
            Stage.KICK,
            self._doors.sessions,
            why="A request that is held open, as a phone's Ping, is cut at the front.",
            actor=Actor.AGENT,
        )

    def _forget(self, seen: Inventory) -> Iterator[Measure]:
        if seen.cached or seen.owed:
            yield self._measure(
                "forget",
                Stage.GRANTS,
                (self._doors.cache, *self._doors.passwords, *self._doors.sessions),
                why="SOGo's cache has the leaver's password, so cookies, phones and calendars go on"
                " without the directory being asked."
                if seen.cached
                else "SOGo's cache has preferences of before a change.",
            )

    def _profile(self, profile: Profile | None) -> Iterator[Measure]:
        if profile is None:
            return
        if profile.forward is not None and profile.forward.enabled:
            yield self._measure(
                "stop-forward",
                Stage.GRANTS,
                (self._doors.grant("forward"),),
                target=profile.uid,
                why=f"SOGo's preferences forward mail to {', '.join(profile.forward.addresses)}."
                " The script that SOGo made of it is the mail server's; while the switch is on,"
                " SOGo makes it again.",
                undo="The switch is put back, if nobody touched it.",
                image=(
                    {"Forward": profile.forward.text},
                    {"Forward": switched_off(profile.forward)},
                ),
            )
        if profile.externals:
            names = "; ".join(one.sentence for one in profile.externals)
            yield self._measure(
                "set-aside-accounts",
                Stage.GRANTS,
                (self._doors.grant("external"),),
                target=profile.uid,
                why=f"SOGo keeps passwords of mail accounts elsewhere: {names}. Set aside where"
                " they are, they are read by nobody.",
                undo="They are put back where they were.",
                image=({"key": EXTERNALS}, {"key": SET_ASIDE}),
            )
        if self._section.take_shares and profile.delegates:
            yield self._measure(
                "take-delegates",
                Stage.GRANTS,
                (self._doors.others,),
                target=profile.uid,
                why=f"They write in the leaver's name: {', '.join(profile.delegates)}.",
                disturbs=f"who stands in for the leaver: {', '.join(profile.delegates)}",
                undo="The list is put back.",
                image=({"DelegateTo": profile.delegates_text}, {"DelegateTo": "[]"}),
            )

    def _identity(self, one: Identity) -> Measure:
        return self._measure(
            "take-identity",
            Stage.GRANTS,
            (self._doors.grant("delegate"),),
            target=one.owner,
            why=f"The leaver writes in the name of {one.owner}.",
            undo="The leaver is put back on the list.",
            image=(
                {"DelegateTo": one.text, "holder": one.holder},
                {"DelegateTo": without(one.text, one.holder)},
            ),
        )

    def _shares(self, shares: Shares | None) -> Iterator[Measure]:
        if shares is None:
            return
        for share in shares.elsewhere:
            why = (
                f"The leaver's right in {share.owner}'s folder: {share.sentence}. A row that gives"
                " nothing takes its place, so that what all have there does not count instead."
            )
            yield self._share(share, self._doors.grant("delegate"), why, after=(NOTHING,))
        for share in shares.own:
            if share.published:
                why = f"Anybody who has its address reads it, without a sign-in: {share.sentence}."
                who = "whoever reads it by its address"
                yield self._share(share, self._doors.grant("calendar"), why, disturbs=who)
            elif self._section.take_shares:
                why = f"Given to others in the leaver's own folder: {share.sentence}."
                yield self._share(share, self._doors.others, why, disturbs=share.holder)

    def _share(
        self,
        share: Share,
        door: Door,
        why: str,
        *,
        disturbs: str = "nobody else",
        after: tuple[str, ...] = (),
    ) -> Measure:
        return self._measure(
            "take-share",
            Stage.GRANTS,
            (door,),
            target=f"{share.object}:{share.holder}",
            why=why,
            disturbs=disturbs,
            undo="Exactly these rights are given back.",
            image=(share_image(share), {"roles": roles_text(after)}),
        )

    def _device(self, device: Device) -> Measure:
        return self._measure(
            "set-aside-device",
            Stage.MAIL_FLOW,
            (self._doors.grant("device"), self._doors.phone),
            target=device.id,
            why="What SOGo keeps for this phone is taken out of its reach; a Ping or a Sync that it"
            " holds open is told to end.",
            undo="It is put back as it was, so the phone goes on where it stopped.",
            image=(
                {
                    "table": device.table,
                    "uid": device.uid,
                    "combined": "yes" if device.combined else "no",
                },
                {},
            ),
        )

    def _measure(
        self, verb: str, stage: Stage, doors: tuple[Door, ...], **more: Unpack[More]
    ) -> Measure:
        return measure(self._section.name, verb, stage, doors, **more)


def share_image(share: Share) -> dict[str, str]:
    """Everything that giving it back needs."""
    return {
        "table": share.table,
        "object": share.object,
        "folder": "" if share.folder is None else str(share.folder),
        "holder": share.holder,
        "roles": roles_text(share.roles),
    }


def roles_text(roles: tuple[str, ...]) -> str:
    return msgspec.json.encode(roles).decode()


def roles_of(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def share_of(image: Mapping[str, str]) -> Share:
    """The share that an image tells of."""
    return Share(
        table=image["table"],
        object=image["object"],
        folder=int(image["folder"]) if image["folder"] else None,
        holder=image["holder"],
        roles=roles_of(image["roles"]),
    )


def device_of(target: str, image: Mapping[str, str]) -> Device:
    """The phone that an image tells of."""
    combined = image["combined"] == "yes"
    return Device(id=target, table=image["table"], uid=image["uid"], combined=combined)
