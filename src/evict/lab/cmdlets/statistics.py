# SPDX-License-Identifier: Apache-2.0
"""Get-MailboxStatistics, and Get-LogonStatistics, which works in 2010 alone (its reference)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.moves import database
from evict.lab.cmdlets.objects import CONFIGURABLE, database_id, moment, server_of, size
from evict.lab.cmdlets.parameters import ANY_IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import READ
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.profile import Version
from evict.lab.model.sessions import Session
from evict.lab.model.words import Protocol

_TYPES: Final = (
    "Microsoft.Exchange.Data.Mapi.MailboxStatistics",
    "Microsoft.Exchange.Data.Mapi.MapiObject",
    *CONFIGURABLE,
)
_LOGONS: Final = ("Microsoft.Exchange.Data.Mapi.LogonStatistics", *_TYPES[1:])


def _show(call: Call, box: Mailbox) -> PsObject:
    organisation = call.organisation
    held = box.quarantine
    netbios = organisation.directory.netbios
    properties: dict[str, object] = {
        "DisplayName": box.display_name,
        "MailboxGuid": uuid.UUID(box.guid),
        "Database": database_id(box.database),
        "DatabaseName": box.database,
        "ServerName": server_of(organisation, box.database),
        "ItemCount": sum(len(m) for m in box.messages.values()),
        "DeletedItemCount": len(box.messages.get("Deleted Items", ())),
        "TotalItemSize": size(box.size),
        "LastLogonTime": moment(box.last_logon),
        "LastLogoffTime": None,
        "LastLoggedOnUserAccount": f"{netbios}\\{box.sam}" if box.last_logon is not None else None,
        "IsQuarantined": held is not None,
        "QuarantineDescription": "Administrator" if held is not None else None,
        "QuarantineEnd": moment(held.until) if held is not None else None,
        "IsArchiveMailbox": False,
        "DisconnectDate": None,
        "StorageLimitStatus": "BelowLimit",
        "Identity": box.guid,
        "IsValid": True,
    }
    return PsObject(_TYPES, box.guid, properties)


def _asked(call: Call) -> list[Mailbox]:
    """-Identity, or those of -Database or -Server. Raises `CmdletError`."""
    if "Identity" in call.bound:
        return [identity.mailbox(call, call.bound["Identity"])]
    boxes = list(call.organisation.mailboxes.values())
    if "Database" in call.bound:
        wanted = database(call, call.bound["Database"])
        return [b for b in boxes if b.database == wanted]
    if "Server" in call.bound:
        server = call.organisation.server(call.text("Server")).name
        at = {d: server_of(call.organisation, d).lower() for d in call.organisation.databases}
        return [b for b in boxes if at[b.database] == server.lower()]
    raise CmdletError(
        "Cannot process command because of one or more missing mandatory parameters: Identity.",
        "ParameterBindingException",
        category="InvalidArgument",
        error_id=f"MissingMandatoryParameter,{call.cmdlet.name}",
        terminating=True,
    )


def get_statistics(call: Call) -> Iterator[Output]:
    for box in _asked(call):
        yield _show(call, box)


def _logon(call: Call, session: Session) -> PsObject:
    organisation = call.organisation
    box = organisation.mailboxes[session.mailbox]
    account = organisation.directory.get(session.sam)
    properties: dict[str, object] = {
        "UserName": account.display_name,
        "Windows2000Account": f"{organisation.directory.netbios}\\{account.sam}",
        "FullMailboxDirectoryName": account.dn,
        "ClientName": session.server.upper(),
        "ApplicationId": f"Client={session.protocol.value.upper()}",
        "ServerName": server_of(organisation, box.database),
        "DatabaseName": box.database,
        "LogonTime": moment(session.opened_at),
        "LastAccessTime": moment(session.used_at),
        "Identity": box.guid,
    }
    return PsObject(_LOGONS, account.display_name, properties)


def get_logons(call: Call) -> Iterator[Output]:
    """A submission has no mailbox open."""
    asked = {box.sam for box in _asked(call)}
    for session in list(call.organisation.sessions.live.values()):
        if session.mailbox in asked and session.protocol is not Protocol.SMTP:
            yield _logon(call, session)


_PARAMETERS: Final = exchange(ANY_IDENTITY, *of_kind("string", "Database", "Server"))

CMDLETS: Final = (
    Cmdlet(
        name="Get-MailboxStatistics",
        run=get_statistics,
        roles=READ,
        parameters=(*_PARAMETERS, Parameter(name="Archive", kind="switch")),
    ),
    Cmdlet(
        name="Get-LogonStatistics",
        run=get_logons,
        roles=READ,
        until=Version.V2010,
        parameters=_PARAMETERS,
    ),
)
