# SPDX-License-Identifier: Apache-2.0
"""What there is in the organisation before anything happens: people, mail, grants, a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evict.lab.estate.layout import DOMAIN, NETBIOS, SERVICE_ACCOUNT, Layout
from evict.lab.estate.people import Person, people
from evict.lab.model.mailbox import FULL_ACCESS, InboxRule, PermissionEntry, PublishedCalendar
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version

LEAVERS: Final = ("alice", "bob")
SERVICE_GROUPS: Final = ("Organization Management", "Administrators", "Domain Admins")
_OUTSIDE: Final = "home@elsewhere.example"


def organisation(
    version: str, count: int, layout: Layout, now: Callable[[], float], service_password: str
) -> Organisation:
    """An organisation with `count` people and Evict's own account.

    Raises:
        ValueError: no such version.
    """
    made = Organisation(
        Profile(Version(version)), now, domain=DOMAIN, netbios=NETBIOS, servers=layout.servers
    )
    for person in people(count):
        _hire(made, person)
    made.directory.add(SERVICE_ACCOUNT, "Evict", service_password, list(SERVICE_GROUPS))
    for sam in LEAVERS:
        _grants(made, sam)
    return made


def _hire(made: Organisation, person: Person) -> None:
    made.add_person(person.sam, person.name, person.password, person.database)
    address = person.upn(DOMAIN)
    made.deliver("board@corp.example", address, "Welcome", "Minutes of Monday's meeting.")
    made.deliver("news@outside.example", address, "Offer", "An offer that ends on Friday.")


def _grants(made: Organisation, sam: str) -> None:
    """What outlives every password: rules, forwarding, rights on other mailboxes, a calendar."""
    box = made.mailboxes[sam]
    box.rules += [
        InboxRule("1", "To my phone", forward_to=(_OUTSIDE,)),
        InboxRule("2", "", hidden=True, redirect_to=(_OUTSIDE,)),
    ]
    box.forwarding_smtp_address, box.deliver_and_forward = _OUTSIDE, True
    box.calendar = PublishedCalendar(
        enabled=True, url=f"https://mail.{DOMAIN}/owa/calendar/{box.guid}/calendar.html"
    )
    name = f"{NETBIOS}\\{sam}"
    made.mailboxes["carol"].acl.append(PermissionEntry(user=name, rights=(FULL_ACCESS,)))
    made.mailboxes["dave"].send_as.append(sam)
    made.mailboxes["erin"].send_on_behalf.append(sam)
    made.mailboxes["frank"].folder_permissions["Calendar"] = {
        made.directory.get(sam).upn: ("Editor",)
    }
    box.acl.append(PermissionEntry(user=f"{NETBIOS}\\grace", rights=(FULL_ACCESS,)))
