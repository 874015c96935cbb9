# SPDX-License-Identifier: Apache-2.0
"""Get-ExchangeServer, Get-MailboxDatabase: what there is. Source: their reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.moves import database
from evict.lab.cmdlets.objects import DIRECTORY_OBJECT, database_id, server_of, short_id
from evict.lab.cmdlets.parameters import ANY_IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import READ
from evict.lab.cmdlets.shape import Call, Cmdlet
from evict.lab.cmdlets.words import Output, PsObject
from evict.lab.model.profile import Version

_SERVER: Final = (
    "Microsoft.Exchange.Data.Directory.Management.ExchangeServer",
    "Microsoft.Exchange.Data.Directory.Management.ADPresentationObject",
    *DIRECTORY_OBJECT,
)
_DATABASE: Final = (
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.MailboxDatabase",
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.Database",
    *DIRECTORY_OBJECT,
)


def _roles(version: Version) -> str:
    if version is Version.V2010:
        return "Mailbox, ClientAccess, HubTransport"
    return "Mailbox, ClientAccess" if version is Version.V2013 else "Mailbox"


def get_server(call: Call) -> Iterator[Output]:
    organisation = call.organisation
    names = list(organisation.servers)
    if "Identity" in call.bound:
        wanted = identity.text_of(call.bound["Identity"]).partition(".")[0].lower()
        names = [name for name in names if name.lower() == wanted]
        if not names:
            raise identity.not_found(call, identity.text_of(call.bound["Identity"]))
    major, minor, build, revision = organisation.profile.build
    for name in names:
        own = short_id("Servers", name.upper())
        properties: dict[str, object] = {
            "Name": name.upper(),
            "Fqdn": f"{name}.{organisation.directory.domain}",
            "Domain": organisation.directory.domain,
            "Site": f"{organisation.directory.domain}/Configuration/Sites/Default-First-Site-Name",
            "Edition": "Standard",
            "ServerRole": _roles(organisation.profile.version),
            "AdminDisplayVersion": f"Version {major}.{minor} (Build {build}.{revision})",
            "IsClientAccessServer": True,
            "IsMailboxServer": True,
            "Identity": own,
            "IsValid": True,
        }
        yield PsObject(_SERVER, name.upper(), properties)


def get_database(call: Call) -> Iterator[Output]:
    organisation = call.organisation
    names = list(organisation.databases)
    if "Identity" in call.bound:
        names = [database(call, call.bound["Identity"])]
    for name in names:
        own = database_id(name)
        server = server_of(organisation, name)
        properties: dict[str, object] = {
            "Name": name,
            "Server": short_id("Servers", server),
            "ServerName": server,
            "MasterServerOrAvailabilityGroup": server,
            "Recovery": False,
            "ReplicationType": "None",
            "Mounted": True if call.flag("Status") else None,
            "Guid": own.properties["ObjectGuid"],
            "Identity": own,
            "IsValid": True,
        }
        yield PsObject(_DATABASE, name, properties)


CMDLETS: Final = (
    Cmdlet(
        name="Get-ExchangeServer",
        run=get_server,
        roles=READ,
        parameters=exchange(ANY_IDENTITY, *of_kind("switch", "Status")),
    ),
    Cmdlet(
        name="Get-MailboxDatabase",
        run=get_database,
        roles=READ,
        parameters=exchange(ANY_IDENTITY, *of_kind("switch", "Status")),
    ),
)
