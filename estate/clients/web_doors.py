# SPDX-License-Identifier: Apache-2.0
"""The web doors by name, through one of the fronts, for leavers and bystanders alike."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from estate import layout as at
from estate.clients.leaver import Doors, LeaverClients
from estate.clients.live import Protocols
from estate.clients.phone import Phone, PhonePing
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.sogo import CalDav, CardDav, SogoWeb
from estate.layout import Layout
from estate.people import Person

FRONTS: Final = {"haproxy": at.HAPROXY, "nginx": at.NGINX}
STORM: Final = ("sogo-web", "roundcube-web", "activesync", "caldav")
"""New sign-ins again and again, each of a browser, a phone or a calendar program of its own."""
PAUSE_S: Final = 0.2
"""Between two requests of one client, which take a real web mail some 30 to 100 ms."""


def through(front: int) -> Protocols:
    """Name -> how to sign in through the front on this port."""
    return {
        "sogo-web": partial(SogoWeb, front=front),
        "roundcube-web": partial(RoundcubeWeb, front=front),
        "activesync": partial(Phone, front=front),
        "activesync-ping": partial(PhonePing, front=front),
        "caldav": partial(CalDav, front=front),
        "carddav": partial(CardDav, front=front),
    }


def use_first(layout: Layout, people: Iterable[Person]) -> None:
    """Have what SOGo keeps of each of them made, by one client at a time.

    Quirk: SOGo 5.8 makes a person's tables at the first request, and answers 501 to others that
    come meanwhile ("could not create special table").
    """
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(_use_first, layout), people))


def _use_first(layout: Layout, person: Person) -> None:
    source = str(layout.network(251, 24)[1])
    for opens in (CalDav, CardDav, Phone):
        opens(layout, person, source).close()


def web_clients(layout: Layout, leaver: Person, front: int) -> LeaverClients:
    """The leaver in both web mails, with two phones (one in a Ping), calendar and address book."""
    use_first(layout, [leaver])
    doors = Doors(table=through(front), kerberos=False, pause_s=PAUSE_S, storm_pause_s=PAUSE_S)
    return LeaverClients(layout, leaver, protocols=tuple(doors.table), storm=STORM, doors=doors)
