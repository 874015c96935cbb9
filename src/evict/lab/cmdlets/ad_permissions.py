# SPDX-License-Identifier: Apache-2.0
"""Get-, Add-, Remove-ADPermission, as far as Send-As goes. Source: the cmdlets' reference.

The role Active Directory Permissions is Organization Management's alone (Built-in role groups).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.binding import not_convertible, strings
from evict.lab.cmdlets.objects import CONFIGURABLE, dn_of, mailbox_id
from evict.lab.cmdlets.parameters import IDENTITY, RESULT_SIZE, exchange, of_kind
from evict.lab.cmdlets.roles import OWN, OWN_READ
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import Output, PsObject, Warning_
from evict.lab.model.mailbox import SELF, Mailbox

SEND_AS: Final = "Send-As"
_TYPES: Final = (
    "Microsoft.Exchange.Management.RecipientTasks.ADAcePresentationObject",
    "Microsoft.Exchange.Management.RecipientTasks.AcePresentationObject",
    "Microsoft.Exchange.Data.Directory.Management.ADPresentationObject",
    *CONFIGURABLE,
)


def _users(call: Call, box: Mailbox) -> list[str]:
    """Whom entries let send as this mailbox; its owner always."""
    netbios = call.organisation.directory.netbios
    accounts = [call.organisation.directory.find(name) for name in box.send_as]
    pairs = zip(accounts, box.send_as, strict=True)
    return [SELF, *(f"{netbios}\\{a.sam}" if a is not None else name for a, name in pairs)]


def _show(call: Call, box: Mailbox, user: str) -> PsObject:
    own = mailbox_id(call.organisation, box)
    properties: dict[str, object] = {
        "AccessRights": ["ExtendedRight"],
        "ExtendedRights": [SEND_AS],
        "ChildObjectTypes": None,
        "InheritedObjectType": None,
        "Properties": None,
        "Deny": False,
        "InheritanceType": "All" if user != SELF else "None",
        "User": user,
        "Identity": own,
        "IsInherited": False,
        "IsValid": True,
    }
    return PsObject(_TYPES, own.to_string, properties)


def get_permission(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    users = _users(call, box)
    if "User" in call.bound:
        wanted = identity.principal(call, call.bound["User"], tuple(users)).lower()
        users = [user for user in users if user.lower() == wanted]
    for user in users[: identity.result_size(call)]:
        yield _show(call, box, user)


def _asked(call: Call) -> tuple[Mailbox, str]:
    """The mailbox, and the user as entries name them. Raises `CmdletError`."""
    box = identity.mailbox(call, call.bound["Identity"])
    user = identity.principal(call, call.bound["User"], tuple(_users(call, box)))
    for right in strings(call.bound["ExtendedRights"]):
        if right.lower() != SEND_AS.lower():
            raise not_convertible(call.cmdlet, "ExtendedRights", right, "ExtendedRightIdParameter")
    return box, user


def add_permission(call: Call) -> Iterator[Output]:
    box, user = _asked(call)
    if not (yield from permit(call, box, f"Adding {SEND_AS} for {user} to")):
        return
    if user in _users(call, box):
        yield Warning_(
            "The appropriate access control entry is already present on the object"
            f' "{dn_of(call.organisation, box)}" for account "{user}".'
        )
    else:
        account = call.organisation.directory.find(user)
        box.send_as.append(user if account is None else account.sam)
    yield _show(call, box, user)


def remove_permission(call: Call) -> Iterator[Output]:
    box, user = _asked(call)
    if not (yield from permit(call, box, f"Removing {SEND_AS} for {user} from")):
        return
    shown = _users(call, box)[1:]
    if user in shown:
        del box.send_as[shown.index(user)]
    else:
        yield Warning_(
            "Can't remove the access control entry on the object"
            f' "{dn_of(call.organisation, box)}" for account "{user}" because the ACE'
            " isn't present."
        )


_CHANGES: Final = exchange(
    IDENTITY,
    Parameter(name="User", required=True, by_name=True),
    Parameter(name="ExtendedRights", kind="list", required=True, by_name=True),
    *of_kind("string", "InheritanceType"),
    *of_kind("list", "AccessRights"),
)

CMDLETS: Final = (
    Cmdlet(
        name="Get-ADPermission",
        run=get_permission,
        roles=OWN_READ,
        parameters=exchange(IDENTITY, RESULT_SIZE, Parameter(name="User")),
    ),
    Cmdlet(name="Add-ADPermission", run=add_permission, roles=OWN, parameters=_CHANGES),
    Cmdlet(
        name="Remove-ADPermission",
        run=remove_permission,
        roles=OWN,
        confirms=True,
        parameters=_CHANGES,
    ),
)
