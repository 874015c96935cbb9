# SPDX-License-Identifier: Apache-2.0
"""The recipes that exist on Samba AD, Dovecot and Postfix, as their administrator's steps.

Left out: recipes that end everybody's sessions of a web mail (a `sogo-tool` of all, a restart of
Roundcube's store), since no leaver here uses a web mail.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from bench.order import Cut, cut_with, flush_then_kick, kick_then_flush
from estate import people
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.product import Product
from evict.core.errors import SystemFault
from evict.systems.dovecot.doveadm import Doveadm, flush, kick


class Room(Struct, frozen=True):
    """Where steps are taken."""

    layout: Layout
    product: Product


Step = Callable[[Room, Person], str]
"""Does it; what the administrator is told, "" for nothing. Raises `EstateError`."""


def disable(room: Room, leaver: Person) -> str:
    people.disable(room.layout, leaver)
    return ""


def reset(room: Room, leaver: Person) -> str:
    people.set_password(room.layout, leaver, "Reset-1-of-the-password")
    return ""


def reset_again(room: Room, leaver: Person) -> str:
    people.set_password(room.layout, leaver, "Reset-2-of-the-password")
    return ""


async def _flush(doveadm: Doveadm, name: str) -> None:
    """As `doveadm auth cache flush USER`."""
    await doveadm.run([flush((name,))])


async def _kick(doveadm: Doveadm, name: str) -> None:
    """As `doveadm kick USER`."""
    await doveadm.run([kick(name)])


def _at_dovecot(cut: Cut) -> Step:
    def step(room: Room, leaver: Person) -> str:
        try:
            asyncio.run(cut_with(cut, room.layout, leaver.name))
        except SystemFault as fault:
            return str(fault)
        return ""

    return step


def evict(room: Room, leaver: Person) -> str:
    """As a person types it."""
    done = room.product.run("revoke", leaver.upn, "--json", "--reason", "benchmark")
    accounts = json.loads(done.stdout or "{}").get("accounts")
    if not accounts:
        raise EstateError(f"evict revoke ended with code {done.returncode}: {done.stderr}")
    return f"{accounts[0]['verdict']}, exit code {done.returncode}"


EVICT: Final = "evict"
RECIPES: Final[Mapping[str, Sequence[Step]]] = {
    "disable": (disable,),
    "disable+reset": (disable, reset),
    "disable+reset-twice": (disable, reset, reset_again),
    "disable+flush": (disable, _at_dovecot(_flush)),
    "disable+kick": (disable, _at_dovecot(_kick)),
    "disable+flush+kick": (disable, _at_dovecot(flush_then_kick)),
    "disable+kick+flush": (disable, _at_dovecot(kick_then_flush)),
    EVICT: (evict,),
}
