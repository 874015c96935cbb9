# SPDX-License-Identifier: Apache-2.0
"""Get-Mailbox, Set-Mailbox. Source: the reference of both cmdlets.

-AccountDisabled is not here: it works in the cloud only.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit, unchanged
from evict.lab.cmdlets.objects import (
    DIRECTORY_OBJECT,
    changed,
    database_id,
    dn_of,
    mailbox_id,
    server_of,
)
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, RESULT_SIZE, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.state import state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.directory import DISABLED
from evict.lab.model.mailbox import Mailbox

_TYPES: Final = (
    "Microsoft.Exchange.Data.Directory.Management.Mailbox",
    "Microsoft.Exchange.Data.Directory.Management.MailEnabledOrgPerson",
    "Microsoft.Exchange.Data.Directory.Management.ADPresentationObject",
    *DIRECTORY_OBJECT,
)
_SETTINGS: Final[dict[str, object]] = {
    "HiddenFromAddressListsEnabled": False,
    "UseDatabaseQuotaDefaults": True,
    "IssueWarningQuota": "Unlimited",
    "ProhibitSendQuota": "Unlimited",
    "ProhibitSendReceiveQuota": "Unlimited",
    "RecipientLimits": "Unlimited",
    "CustomAttribute1": "",
}
"""Shown again as they were written; nothing here acts on them."""


def _show(call: Call, box: Mailbox) -> PsObject:
    organisation = call.organisation
    account = organisation.directory.get(box.sam)
    forward = _boxes(call, [box.forwarding_address] if box.forwarding_address else [])
    archive = box.archive
    properties: dict[str, object] = {
        "Name": box.display_name,
        "Alias": box.sam,
        "DisplayName": box.display_name,
        "SamAccountName": box.sam,
        "UserPrincipalName": account.upn,
        "PrimarySmtpAddress": box.primary,
        "WindowsEmailAddress": box.primary,
        "EmailAddresses": [f"SMTP:{box.primary}", *(f"smtp:{a}" for a in box.addresses[1:])],
        "RecipientType": "UserMailbox",
        "RecipientTypeDetails": "UserMailbox",
        "ExchangeGuid": uuid.UUID(box.guid),
        "Guid": uuid.UUID(account.guid),
        "Database": database_id(box.database),
        "ServerName": server_of(organisation, box.database).lower(),
        "ArchiveGuid": uuid.UUID(archive.guid) if archive else uuid.UUID(int=0),
        "ArchiveDatabase": database_id(archive.database) if archive else None,
        "ArchiveName": [archive.name] if archive else [],
        "ForwardingAddress": forward[0] if forward else None,
        "ForwardingSmtpAddress": (
            f"smtp:{box.forwarding_smtp_address}" if box.forwarding_smtp_address else None
        ),
        "DeliverToMailboxAndForward": box.deliver_and_forward,
        "GrantSendOnBehalfTo": _boxes(call, box.send_on_behalf),
        "UMEnabled": box.um_enabled,
        "IsMailboxEnabled": box.connected,
        "ExchangeUserAccountControl": (
            "AccountDisabled" if account.user_account_control & DISABLED else "None"
        ),
        "DistinguishedName": dn_of(organisation, box),
        "Identity": mailbox_id(organisation, box),
        "IsValid": True,
        **_SETTINGS,
        **state_of(organisation).of(box.sam).settings,
    }
    return PsObject(_TYPES, box.display_name, properties)


def _boxes(call: Call, names: list[str]) -> list[object]:
    """Recipients as Exchange shows them; who is gone from the directory is not shown."""
    found = [identity.named(call.organisation, name) for name in names]
    return [mailbox_id(call.organisation, boxes[0]) for boxes in found if boxes]


def get_mailbox(call: Call) -> Iterator[Output]:
    database = call.text("Database").lower()
    archives = call.flag("Archive")
    for box in identity.several(call):
        if not isinstance(box, Mailbox):
            yield box
        elif database and box.database.lower() != database:
            continue
        elif not archives or box.archive:
            yield _show(call, box)


def set_mailbox(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    if not (yield from permit(call, box, "Setting mailbox properties of")):
        return
    before = _state(call, box)
    _forwarding(call, box)
    if "GrantSendOnBehalfTo" in call.bound:
        box.send_on_behalf = _on_behalf(call, box)
    kept = state_of(call.organisation).of(box.sam).settings
    kept |= {name: value for name, value in call.bound.items() if name in _SETTINGS}
    if _state(call, box) == before:
        yield from unchanged(call, box)


def _state(call: Call, box: Mailbox) -> tuple[object, ...]:
    kept = _SETTINGS | state_of(call.organisation).of(box.sam).settings
    forward = (box.forwarding_address, box.forwarding_smtp_address, box.deliver_and_forward)
    return (*forward, tuple(box.send_on_behalf), tuple(kept.items()))


def _forwarding(call: Call, box: Mailbox) -> None:
    """Both attributes; of two that are set the internal one wins, at delivery."""
    bound = call.bound
    if "ForwardingAddress" in bound:
        to = bound["ForwardingAddress"]
        box.forwarding_address = identity.recipient(call, to).primary if to else None
    if "ForwardingSmtpAddress" in bound:
        address = call.text("ForwardingSmtpAddress")
        bare = address[5:] if address.lower().startswith("smtp:") else address
        if address and "@" not in bare:
            raise CmdletError(
                f"The address '{address}' is not a valid SMTP address.",
                "TaskInvalidOperationException",
                category="InvalidArgument",
            )
        box.forwarding_smtp_address = bare or None
    if "DeliverToMailboxAndForward" in bound:
        box.deliver_and_forward = call.flag("DeliverToMailboxAndForward")


def _on_behalf(call: Call, box: Mailbox) -> list[str]:
    """The new list as account names. Raises `CmdletError` for somebody unknown who is added."""
    value = call.bound["GrantSendOnBehalfTo"]

    def same(name: str) -> str:
        boxes = identity.named(call.organisation, name)
        return boxes[0].sam if boxes else name.lower()

    wanted = changed(box.send_on_behalf, value, same)
    standing = {sam.lower() for sam in box.send_on_behalf}
    return list(
        dict.fromkeys(
            name if name.lower() in standing else identity.recipient(call, name).sam
            for name in wanted
        )
    )


CMDLETS: Final = (
    Cmdlet(
        name="Get-Mailbox",
        run=get_mailbox,
        roles=READ,
        parameters=exchange(
            ANY_IDENTITY,
            RESULT_SIZE,
            *of_kind("string", "Database", "Filter", "OrganizationalUnit", "SortBy"),
            *of_kind("list", "RecipientTypeDetails"),
            *of_kind("switch", "Archive", "ReadFromDomainController", "IgnoreDefaultScope"),
        ),
    ),
    Cmdlet(
        name="Set-Mailbox",
        run=set_mailbox,
        roles=WRITE,
        parameters=exchange(
            IDENTITY,
            *of_kind("string", "ForwardingAddress", "ForwardingSmtpAddress", nullable=True),
            Parameter(name="GrantSendOnBehalfTo", kind="list", nullable=True),
            *of_kind(
                "bool",
                "DeliverToMailboxAndForward",
                "HiddenFromAddressListsEnabled",
                "UseDatabaseQuotaDefaults",
            ),
            *of_kind("string", "IssueWarningQuota", "ProhibitSendQuota"),
            *of_kind("string", "ProhibitSendReceiveQuota", "RecipientLimits"),
            *of_kind("string", "CustomAttribute1", nullable=True),
            *of_kind("switch", "Force", "IgnoreDefaultScope"),
        ),
    ),
)
