# SPDX-License-Identifier: Apache-2.0
"""How long each door of the directory stays open after a plain disable, or a single reset."""

from __future__ import annotations

from typing import Final

from evict.config.model import DirectorySection
from evict.core.door import Credential, Door
from evict.core.exposure import Exposure, Source
from evict.systems.active_directory.controllers import Controllers
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import BASE

OLD_PASSWORD_MINUTES: Final = 60
"""Documented default of OldPasswordAllowedPeriod (Windows) and `old password allowed period`."""

TICKET_MINUTES: Final = 600
"""Documented default of MaxServiceAge and MaxTicketAge: 10 hours."""

_REMEMBERS_FROM: Final = 2
"""pwdHistoryLength from which the password before the last is kept. Quirk: Samba 4.17, measured:
with 0 and 1 the old password is refused at once, with 2, 3 and 24 it binds after one reset."""


async def exposure(controllers: Controllers, section: DirectorySection) -> tuple[Exposure, ...]:
    domain = await controllers.domain()
    found = await controllers.on_first(
        lambda port: port.search(
            domain.naming_context, BASE, ANYTHING, ["pwdHistoryLength", "objectClass"]
        )
    )
    history = found[0].number("pwdHistoryLength") if found else _REMEMBERS_FROM
    lines = [_disabled(section), _old_password(section, history), _bound_before(section)]
    if section.realm:
        lines.append(_ticket(section))
    return tuple(lines)


def old_password_minutes(section: DirectorySection) -> int:
    """How long the password before the last is taken: declared, else the documented default."""
    declared = section.old_password_minutes
    return OLD_PASSWORD_MINUTES if declared is None else declared


def _disabled(section: DirectorySection) -> Exposure:
    several = len(section.servers) > 1
    return Exposure(
        door=_door(section, "ldap", Credential.PASSWORD),
        closes_after_s=0,
        source=Source.READ,
        setting="userAccountControl",
        value="ACCOUNTDISABLE",
        reason="a disabled account is refused at its next bind or ticket request"
        + ("; other domain controllers follow when they replicate" if several else ""),
        remedy="",
    )


def _old_password(section: DirectorySection, history: int) -> Exposure:
    minutes = old_password_minutes(section)
    remembered = history >= _REMEMBERS_FROM
    source = Source.ASSUMED if section.old_password_minutes is None else Source.DECLARED
    return Exposure(
        door=_door(section, "ldap", Credential.PASSWORD),
        closes_after_s=minutes * 60 if remembered else 0,
        source=source if remembered else Source.READ,
        setting="OldPasswordAllowedPeriod" if remembered else "pwdHistoryLength",
        value=f"{minutes} min" if remembered else str(history),
        reason="where the password is reset once and the account not disabled, the old one still"
        " binds"
        if remembered
        else "so short a history keeps no old password that could still bind",
        remedy="reset it twice, as Evict does" if remembered else "",
    )


def _bound_before(section: DirectorySection) -> Exposure:
    return Exposure(
        door=_door(section, "ldap", Credential.SESSION),
        closes_after_s=None,
        source=Source.ASSUMED,
        setting="MaxConnIdleTime",
        value="counts only while idle",
        reason="a connection bound before the disable goes on reading; it is no way into a mailbox",
        remedy="none needed for mail; restart the domain controller's service to end it",
    )


def _ticket(section: DirectorySection) -> Exposure:
    declared = section.ticket_life_minutes
    minutes = TICKET_MINUTES if declared is None else declared
    return Exposure(
        door=_door(section, "kerberos", Credential.TICKET),
        closes_after_s=minutes * 60,
        source=Source.ASSUMED if declared is None else Source.DECLARED,
        setting="MaxServiceAge",
        value=f"{minutes} min",
        reason="a service ticket already issued is valid to its end; the directory is not asked",
        remedy="guard each service with a hook that asks Evict, or shorten the ticket life",
    )


def _door(section: DirectorySection, protocol: str, credential: Credential) -> Door:
    return Door(system=section.name, protocol=protocol, credential=credential)
