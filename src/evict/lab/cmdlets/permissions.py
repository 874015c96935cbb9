# SPDX-License-Identifier: Apache-2.0
r"""Get-, Add-, Remove-MailboxPermission: who may open a mailbox.

Sources: the reference of the cmdlets; KB 2652193 for NT AUTHORITY\SELF, which can be put back by
Add-MailboxPermission alone. What is inherited stays, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.binding import not_convertible, strings
from evict.lab.cmdlets.objects import CONFIGURABLE, dn_of, mailbox_id
from evict.lab.cmdlets.parameters import IDENTITY, RESULT_SIZE, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import Output, PsObject, Warning_
from evict.lab.model.mailbox import Mailbox, PermissionEntry

_TYPES: Final = (
    "Microsoft.Exchange.Management.RecipientTasks.MailboxAcePresentationObject",
    "Microsoft.Exchange.Management.RecipientTasks.AcePresentationObject",
    "Microsoft.Exchange.Data.Directory.Management.ADPresentationObject",
    *CONFIGURABLE,
)
_RIGHTS: Final = (
    "FullAccess",
    "ExternalAccount",
    "DeleteItem",
    "ReadPermission",
    "ChangePermission",
    "ChangeOwner",
)


def _show(call: Call, box: Mailbox, entry: PermissionEntry) -> PsObject:
    own = mailbox_id(call.organisation, box)
    properties: dict[str, object] = {
        "AccessRights": list(entry.rights),
        "Deny": entry.deny,
        "InheritanceType": "All",
        "User": entry.user,
        "Identity": own,
        "IsInherited": entry.inherited,
        "IsValid": True,
        "ObjectState": "Unchanged",
    }
    return PsObject(_TYPES, own.to_string, properties)


def get_permission(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    entries = list(box.acl)
    if "User" in call.bound:
        user = identity.principal(call, call.bound["User"], _users(box))
        entries = [e for e in entries if e.user.lower() == user.lower()]
    most = identity.result_size(call)
    for entry in entries[:most]:
        yield _show(call, box, entry)


def _users(box: Mailbox) -> tuple[str, ...]:
    return tuple(entry.user for entry in box.acl)


def rights_of(call: Call) -> tuple[str, ...]:
    """-AccessRights as Exchange spells them; one text may name several. Raises `CmdletError`."""
    given = [r.strip() for text in strings(call.bound["AccessRights"]) for r in text.split(",")]
    known = {right.lower(): right for right in _RIGHTS}
    for right in given:
        if right.lower() not in known:
            raise not_convertible(call.cmdlet, "AccessRights", right, "MailboxRights[]")
    return tuple(dict.fromkeys(known[right.lower()] for right in given))


def add_permission(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    user = identity.principal(call, call.bound["User"], _users(box))
    rights, deny = rights_of(call), call.flag("Deny")
    if not (yield from permit(call, box, f"Adding mailbox permission for {user} to")):
        return
    standing = [r for e in _mine(box, user, deny=deny) for r in e.rights if not e.inherited]
    if set(rights) <= set(standing):
        yield Warning_(
            "The appropriate access control entry is already present on the object"
            f' "{dn_of(call.organisation, box)}" for account "{user}".'
        )
    else:
        fresh = tuple(right for right in rights if right not in standing)
        call.organisation.admin.add_permission(box.sam, user, fresh, deny=deny)
    yield _show(call, box, PermissionEntry(user=user, rights=rights, deny=deny))


def remove_permission(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    user = identity.principal(call, call.bound["User"], _users(box))
    rights, deny = rights_of(call), call.flag("Deny")
    if not (yield from permit(call, box, f"Removing mailbox permission for {user} from")):
        return
    mine = [e for e in _mine(box, user, deny=deny) if set(e.rights) & set(rights)]
    if not mine:
        yield Warning_(
            "Can't remove the access control entry on the object"
            f' "{dn_of(call.organisation, box)}" for account "{user}" because the ACE'
            " isn't present."
        )
        return
    if any(entry.inherited for entry in mine):
        yield Warning_(
            f"An inherited access control entry has been specified: [Rights: {', '.join(rights)},"
            f" ControlType: {'Deny' if deny else 'Allow'}] and was ignored on object"
            f' "{dn_of(call.organisation, box)}".'
        )
    if not all(entry.inherited for entry in mine):
        call.organisation.admin.remove_permission(box.sam, user, rights, deny=deny)


def _mine(box: Mailbox, user: str, *, deny: bool) -> list[PermissionEntry]:
    return [e for e in box.acl if e.user.lower() == user.lower() and e.deny is deny]


_USER: Final = Parameter(name="User", required=True, by_name=True)
_ACCESS_RIGHTS: Final = Parameter(name="AccessRights", kind="list", required=True, by_name=True)
_CHANGES: Final = exchange(
    IDENTITY,
    _USER,
    _ACCESS_RIGHTS,
    Parameter(name="Deny", kind="switch", by_name=True),
    *of_kind("string", "InheritanceType"),
    *of_kind("switch", "IgnoreDefaultScope"),
)

CMDLETS: Final = (
    Cmdlet(
        name="Get-MailboxPermission",
        run=get_permission,
        roles=READ,
        parameters=exchange(
            IDENTITY,
            RESULT_SIZE,
            Parameter(name="User"),
            *of_kind("switch", "ReadFromDomainController", "IncludeUnresolvedPermissions"),
        ),
    ),
    Cmdlet(
        name="Add-MailboxPermission",
        run=add_permission,
        roles=WRITE,
        parameters=(*_CHANGES, Parameter(name="AutoMapping", kind="bool")),
    ),
    Cmdlet(
        name="Remove-MailboxPermission",
        run=remove_permission,
        roles=WRITE,
        confirms=True,
        parameters=_CHANGES,
    ),
)
