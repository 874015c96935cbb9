# SPDX-License-Identifier: Apache-2.0
"""Get-CASMailbox, Set-CASMailbox: the features of a mailbox, and its devices' ids.

Source: the reference of both cmdlets. The servers read a change late; the model does that.
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
    dn_of,
    mailbox_id,
    server_of,
)
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, RESULT_SIZE, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.state import state_of
from evict.lab.cmdlets.words import Output, PsObject
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.profile import Version

_TYPES: Final = (
    "Microsoft.Exchange.Data.Directory.Management.CASMailbox",
    "Microsoft.Exchange.Data.Directory.Management.ADPresentationObject",
    *DIRECTORY_OBJECT,
)
_FEATURES: Final = {
    "OWAEnabled": "owa",
    "OWAforDevicesEnabled": "owa_for_devices",
    "ECPEnabled": "ecp",
    "ActiveSyncEnabled": "activesync",
    "EwsEnabled": "ews",
    "EwsAllowOutlook": "ews_allow_outlook",
    "EwsAllowMacOutlook": "ews_allow_mac_outlook",
    "EwsAllowEntourage": "ews_allow_entourage",
    "MAPIEnabled": "mapi",
    "MAPIBlockOutlookRpcHttp": "mapi_block_outlook_rpc_http",
    "MapiHttpEnabled": "mapi_http",
    "ImapEnabled": "imap",
    "PopEnabled": "pop3",
}
_SINCE_2013: Final = ("MapiHttpEnabled", "OWAforDevicesEnabled")
_EWS: Final = "EwsEnabled"
"""$null, as the organisation has it, is kept here: to the model it is on."""
_NULLABLE: Final = (
    _EWS,
    "EwsAllowOutlook",
    "EwsAllowMacOutlook",
    "EwsAllowEntourage",
    "MapiHttpEnabled",
)
_LISTS: Final = {
    "ActiveSyncBlockedDeviceIDs": "blocked_devices",
    "ActiveSyncAllowedDeviceIDs": "allowed_devices",
}


def _flags(call: Call, box: Mailbox) -> dict[str, object]:
    """Every switch that this version has, as it stands."""
    new = call.organisation.profile.version.order >= Version.V2013.order
    flags = box.features.flags()
    shown: dict[str, object] = {
        name: flags[feature]
        for name, feature in _FEATURES.items()
        if new or name not in _SINCE_2013
    }
    if flags["ews"]:
        shown[_EWS] = state_of(call.organisation).of(box.sam).cas.get(_EWS)
    return shown


def _show(call: Call, box: Mailbox) -> PsObject:
    organisation = call.organisation
    properties: dict[str, object] = {
        "Name": box.display_name,
        "DisplayName": box.display_name,
        "SamAccountName": box.sam,
        "PrimarySmtpAddress": box.primary,
        "EmailAddresses": [f"SMTP:{box.primary}", *(f"smtp:{a}" for a in box.addresses[1:])],
        "LegacyExchangeDN": f"/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn={box.sam}",
        "LinkedMasterAccount": "",
        "ServerName": server_of(organisation, box.database).lower(),
        "ActiveSyncMailboxPolicy": "Default",
        "HasActiveSyncDevicePartnership": bool(box.devices),
        "Guid": uuid.UUID(organisation.directory.get(box.sam).guid),
        "DistinguishedName": dn_of(organisation, box),
        "Identity": mailbox_id(organisation, box),
        "IsValid": True,
        **_flags(call, box),
        **{name: list(getattr(box, attribute)) for name, attribute in _LISTS.items()},
    }
    return PsObject(_TYPES, box.display_name, properties)


def get_cas(call: Call) -> Iterator[Output]:
    for box in identity.several(call):
        yield _show(call, box) if isinstance(box, Mailbox) else box


def set_cas(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    if not (yield from permit(call, box, "Setting client access settings of")):
        return
    before = _flags(call, box)
    _write(call, box)
    altered = _flags(call, box) != before
    for name, attribute in _LISTS.items():
        if name in call.bound:
            old = getattr(box, attribute)
            new = changed(old, call.bound[name])
            altered |= new != old
            setattr(box, attribute, new)
    if not altered:
        yield from unchanged(call, box)


def _write(call: Call, box: Mailbox) -> None:
    flags: dict[str, bool | None] = {}
    for name, feature in _FEATURES.items():
        if name in call.bound:
            value = call.bound[name]
            flags[feature] = value if isinstance(value, bool) else None
    if _EWS in call.bound:
        state_of(call.organisation).of(box.sam).cas[_EWS] = flags["ews"]
        flags["ews"] = flags["ews"] is not False
    call.organisation.set_features(box.sam, **flags)


def _switch(name: str) -> Parameter:
    since = Version.V2013 if name in _SINCE_2013 else Version.V2010
    return Parameter(name=name, kind="bool", nullable=name in _NULLABLE, since=since)


def _device_ids(name: str) -> Parameter:
    return Parameter(name=name, kind="list", nullable=True)


CMDLETS: Final = (
    Cmdlet(
        name="Get-CASMailbox",
        run=get_cas,
        roles=READ,
        parameters=exchange(
            ANY_IDENTITY,
            RESULT_SIZE,
            *of_kind("string", "Filter", "OrganizationalUnit", "SortBy"),
            *of_kind("switch", "ActiveSyncDebugLogging", "ReadFromDomainController"),
        ),
    ),
    Cmdlet(
        name="Set-CASMailbox",
        run=set_cas,
        roles=WRITE,
        parameters=exchange(
            IDENTITY,
            *(_switch(name) for name in _FEATURES),
            *(_device_ids(name) for name in _LISTS),
            *of_kind("switch", "IgnoreDefaultScope"),
        ),
    ),
)
