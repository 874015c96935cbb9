# SPDX-License-Identifier: Apache-2.0
"""Which cmdlets stand in which shell."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from evict.lab.cmdlets import (
    ad_permissions,
    assignments,
    calendars,
    cas,
    devices,
    folder_permissions,
    general,
    iis,
    landscape,
    logs,
    mailboxes,
    migration,
    moves,
    permissions,
    quarantine,
    registry_values,
    rules,
    services,
    statistics,
    unified_messaging,
)
from evict.lab.cmdlets.roles import SERVER, groups_of
from evict.lab.cmdlets.shell import Registry

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

EXCHANGE: Final = (
    *ad_permissions.CMDLETS,
    *assignments.CMDLETS,
    *calendars.CMDLETS,
    *cas.CMDLETS,
    *devices.CMDLETS,
    *folder_permissions.CMDLETS,
    *general.CMDLETS,
    *landscape.CMDLETS,
    *mailboxes.CMDLETS,
    *migration.CMDLETS,
    *moves.CMDLETS,
    *permissions.CMDLETS,
    *quarantine.CMDLETS,
    *rules.CMDLETS,
    *statistics.CMDLETS,
    *unified_messaging.CMDLETS,
)
SERVERS: Final = (
    *general.CMDLETS,
    *iis.CMDLETS,
    *logs.CMDLETS,
    *registry_values.CMDLETS,
    *services.CMDLETS,
)


def exchange(organisation: Organisation, server: str) -> Registry:
    """Whoever has no role comes in and finds next to nothing (RemotePowerShellEnabled: all)."""
    return Registry(organisation, server, EXCHANGE, partial(groups_of, organisation))


def server_shell(organisation: Organisation, server: str) -> Registry:
    return Registry(
        organisation,
        server,
        SERVERS,
        partial(groups_of, organisation),
        entry=SERVER,
        marks_errors=False,
    )
