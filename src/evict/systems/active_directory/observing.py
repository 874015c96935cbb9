# SPDX-License-Identifier: Apache-2.0
"""What every domain controller shows of one account, and what is promised of its doors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from evict.config.model import DirectorySection
from evict.core.account import Account
from evict.core.door import Credential, Door, Nature
from evict.core.errors import AccountUnknown, SystemFault
from evict.core.sighting import Method, Outcome, Sighting
from evict.core.verdict import Expectation
from evict.systems.active_directory.controllers import Controllers
from evict.systems.active_directory.exposure import TICKET_MINUTES
from evict.systems.active_directory.measures import PWD_LAST_SET, UAC, read_state
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.reading import ACCOUNT_DISABLED
from evict.systems.base import Observation, Order

PREDICTED_S: Final = 2.0
"""Seconds: writing on one domain controller takes well under one; others of a site follow within
their own change notification, 15 s where it was left at its default, and are looked at each."""


class Seen(Struct, frozen=True, kw_only=True):
    """State for the planner: as the first controller that holds the account shows it."""

    account_control: int
    pwd_last_set: int

    @property
    def enabled(self) -> bool:
        return not self.account_control & ACCOUNT_DISABLED


class View(Struct, frozen=True, kw_only=True):
    """One controller's view; `seen` is None where it was not seen, or holds no such account."""

    where: str
    outcome: Outcome
    text: str
    seen: Seen | None = None


async def observe(
    controllers: Controllers, section: DirectorySection, account: Account, order: Order | None
) -> Observation:
    """Look at all controllers side by side.

    Raises:
        SystemFault: none could be looked at.
    """
    started = datetime.now(UTC)
    views = await asyncio.gather(*(_look(port, account) for port in controllers.ports))
    ended = datetime.now(UTC)
    if all(isinstance(view, SystemFault) for view in views):
        raise next(view for view in views if isinstance(view, SystemFault))
    all_views = [
        _unseen(port, view) if isinstance(view, SystemFault) else view
        for port, view in zip(controllers.ports, views, strict=True)
    ]
    doors = password_doors(section)
    return Observation(
        system=section.name,
        expectations=(
            *(Expectation(door=door, predicted_s=PREDICTED_S) for door in doors),
            *_unprovable(section, order),
        ),
        sightings=tuple(
            _read_back(door, view, started_at=started, ended_at=ended)
            for door in doors
            for view in all_views
        ),
        facts=tuple(view.text for view in all_views),
        state=next((view.seen for view in all_views if view.seen is not None), None),
    )


def password_doors(section: DirectorySection) -> tuple[Door, ...]:
    protocols = ("ldap", "kerberos") if section.realm else ("ldap",)
    return tuple(
        Door(system=section.name, protocol=p, credential=Credential.PASSWORD) for p in protocols
    )


async def _look(port: Port, account: Account) -> View | SystemFault:
    try:
        entry = await read_state(port, account)
    except AccountUnknown:
        return View(
            where=port.name, outcome=Outcome.EMPTY, text=f"{port.name} holds no such account"
        )
    except SystemFault as error:
        return error
    seen = Seen(account_control=entry.number(UAC), pwd_last_set=entry.number(PWD_LAST_SET))
    word = "enabled" if seen.enabled else "disabled"
    return View(
        where=port.name,
        outcome=Outcome.PRESENT if seen.enabled else Outcome.EMPTY,
        text=f"{word} on {port.name} ({UAC} {seen.account_control})",
        seen=seen,
    )


def _unseen(port: Port, error: SystemFault) -> View:
    text = f"not seen: {error.text}"
    return View(where=port.name, outcome=Outcome.UNREACHABLE, text=text)


def _read_back(door: Door, view: View, *, started_at: datetime, ended_at: datetime) -> Sighting:
    return Sighting(
        door=door,
        method=Method.READ_BACK,
        where=view.where,
        outcome=view.outcome,
        started_at=started_at,
        ended_at=ended_at,
        detail=view.text,
        transcript=(f"C: read {UAC}, {PWD_LAST_SET}", f"S: {view.text}"[:200]),
    )


def _unprovable(section: DirectorySection, order: Order | None) -> tuple[Expectation, ...]:
    bound = Expectation(
        door=Door(system=section.name, protocol="ldap", credential=Credential.SESSION),
        nature=Nature.OUTSIDE,
        note="an LDAP connection bound before goes on reading the directory; no mailbox door",
    )
    if not section.realm:
        return (bound,)
    minutes = section.ticket_life_minutes or TICKET_MINUTES
    until = order.commit_at + timedelta(minutes=minutes) if order else None
    ends = f" ({until:%Y-%m-%d %H:%M} UTC at the latest)" if until else ""
    ticket = Expectation(
        door=Door(system=section.name, protocol="kerberos", credential=Credential.TICKET),
        nature=Nature.UNPROVABLE,
        until=until,
        note="a service ticket already in somebody's hand works at services that no hook guards"
        f" until it ends{ends}",
    )
    return (bound, ticket)
