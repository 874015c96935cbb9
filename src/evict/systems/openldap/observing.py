# SPDX-License-Identifier: Apache-2.0
"""What every server shows of one account, and what is promised of its doors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from evict.core.account import Account
from evict.core.door import Credential, Door, Nature
from evict.core.errors import AccountUnknown, SystemFault
from evict.core.sighting import Method, Outcome, Sighting
from evict.core.verdict import Expectation
from evict.systems.base import Observation
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.measures import is_disabled, lock_attribute, mark_of, read_state
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import PASSWORD, Shape
from evict.systems.openldap.undo import values_of

PREDICTED_S: Final = 2.0
"""Seconds: a write takes some milliseconds; a replica that polls may be later, and is looked at."""


class Seen(Struct, frozen=True, kw_only=True):
    """State for the planner: as the first server that holds the account shows it.

    Attributes:
        disabled: the disable that this estate uses stands.
        lock: the values of the attribute that a disable writes, as text.
        password: the mark of the password.
    """

    enabled: bool
    disabled: bool
    lock: str
    password: str


class View(Struct, frozen=True, kw_only=True):
    """One server's view; `seen` is None where it was not seen, or holds no such account."""

    where: str
    outcome: Outcome
    text: str
    seen: Seen | None = None


def password_door(shape: Shape) -> Door:
    return Door(system=shape.name, protocol="ldap", credential=Credential.PASSWORD)


async def observe(servers: Servers[Port], shape: Shape, account: Account) -> Observation:
    """Look at all servers side by side.

    Raises:
        SystemFault: none could be looked at.
    """
    started = datetime.now(UTC)
    looks = await asyncio.gather(*(_look(port, shape, account) for port in servers.ports))
    ended = datetime.now(UTC)
    if all(isinstance(look, SystemFault) for look in looks):
        raise next(look for look in looks if isinstance(look, SystemFault))
    views = [
        View(where=port.name, outcome=Outcome.UNREACHABLE, text=f"not seen: {look.text}")
        if isinstance(look, SystemFault)
        else look
        for port, look in zip(servers.ports, looks, strict=True)
    ]
    bound = Expectation(
        door=Door(system=shape.name, protocol="ldap", credential=Credential.SESSION),
        nature=Nature.OUTSIDE,
        note="an LDAP connection bound before goes on reading the directory; no mailbox door",
    )
    return Observation(
        system=shape.name,
        expectations=(Expectation(door=password_door(shape), predicted_s=PREDICTED_S), bound),
        sightings=tuple(_read_back(shape, view, started, ended) for view in views),
        facts=tuple(view.text for view in views),
        state=next((view.seen for view in views if view.seen is not None), None),
    )


async def _look(port: Port, shape: Shape, account: Account) -> View | SystemFault:
    try:
        entry = await read_state(port, shape, account)
    except AccountUnknown:
        text = f"{port.name} holds no such account"
        return View(where=port.name, outcome=Outcome.EMPTY, text=text)
    except SystemFault as error:
        return error
    attribute = lock_attribute(shape)
    seen = Seen(
        enabled=shape.is_enabled(entry),
        disabled=is_disabled(shape, entry),
        lock=values_of(entry, attribute) if attribute else "",
        password=mark_of(entry),
    )
    return View(
        where=port.name,
        outcome=Outcome.PRESENT if seen.enabled else Outcome.EMPTY,
        text=f"{'enabled' if seen.enabled else 'disabled'} on {port.name}",
        seen=seen,
    )


def _read_back(shape: Shape, view: View, started: datetime, ended: datetime) -> Sighting:
    looked_for = lock_attribute(shape) or PASSWORD
    return Sighting(
        door=password_door(shape),
        method=Method.READ_BACK,
        where=view.where,
        outcome=view.outcome,
        started_at=started,
        ended_at=ended,
        detail=view.text,
        transcript=(f"C: read {looked_for}", f"S: {view.text}"[:200]),
    )
