# SPDX-License-Identifier: Apache-2.0
"""Get-, Remove-ManagementRoleAssignment: who holds which role, impersonation among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import proceed
from evict.lab.cmdlets.objects import DIRECTORY_OBJECT, short_id
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import ORGANISATION, OWN, OWN_READ, RECIPIENT, VIEW_ONLY
from evict.lab.cmdlets.shape import Call, Cmdlet
from evict.lab.cmdlets.state import state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject

IMPERSONATION: Final = "ApplicationImpersonation"
_TYPES: Final = (
    "Microsoft.Exchange.Data.Directory.SystemConfiguration.ExchangeRoleAssignmentPresentation",
    *DIRECTORY_OBJECT,
)
_HELD: Final = (
    ("Mail Recipients", ORGANISATION),
    ("Active Directory Permissions", ORGANISATION),
    ("Databases", ORGANISATION),
    ("Mail Recipients", RECIPIENT),
    ("Move Mailboxes", RECIPIENT),
    ("Migration", RECIPIENT),
    ("View-Only Recipients", VIEW_ONLY),
    ("View-Only Configuration", VIEW_ONLY),
)
Assignment = tuple[str, str]
"""Role, and who has it."""


def _all(call: Call) -> list[Assignment]:
    known = call.organisation.directory.find
    apart = [account.display_name for n in state_of(call.organisation).impersonators
             if (account := known(n)) is not None]  # fmt: skip
    return [*_HELD, *((IMPERSONATION, name) for name in apart)]


def _name(assignment: Assignment) -> str:
    return f"{assignment[0]}-{assignment[1]}"


def get_assignment(call: Call) -> Iterator[Output]:
    wanted = call.text("Role").lower()
    who = _assignee(call)
    named = identity.text_of(call.bound["Identity"]).lower() if "Identity" in call.bound else ""
    for assignment in _all(call):
        role, holder = assignment
        if wanted not in ("", role.lower()) or (who is not None and holder.lower() not in who):
            continue
        if named in ("", _name(assignment).lower()):
            yield _show(assignment)


def _assignee(call: Call) -> set[str] | None:
    """Of -RoleAssignee: the account and its groups; None: not asked. Raises `CmdletError`."""
    if "RoleAssignee" not in call.bound:
        return None
    name = call.text("RoleAssignee")
    if name.lower() in {holder.lower() for _, holder in _HELD}:
        return {name.lower()}
    account = call.organisation.directory.find(name)
    if account is None:
        raise identity.not_found(call, name)
    groups = call.registry.groups(account.sam)
    return {account.display_name.lower(), *(group.lower() for group in groups)}


def _show(assignment: Assignment) -> PsObject:
    role, holder = assignment
    in_group = assignment in _HELD
    properties: dict[str, object] = {
        "Name": _name(assignment),
        "Role": short_id("Roles", role),
        "RoleAssignee": short_id("Role Groups" if in_group else "People", holder),
        "RoleAssigneeName": holder,
        "RoleAssigneeType": "RoleGroup" if in_group else "User",
        "RoleAssignmentDelegationType": "Regular",
        "AssignmentMethod": "Direct",
        "EffectiveUserName": "All Group Members" if in_group else holder,
        "RecipientReadScope": "Organization",
        "RecipientWriteScope": "Organization",
        "Enabled": True,
        "Identity": short_id("Role Assignments", _name(assignment)),
        "IsValid": True,
    }
    return PsObject(_TYPES, _name(assignment), properties)


def remove_assignment(call: Call) -> Iterator[Output]:
    """Of impersonation alone; the role groups' own are fixed here."""
    name = identity.text_of(call.bound["Identity"])
    kept = state_of(call.organisation).impersonators
    find = call.organisation.directory.find
    for who in list(kept):
        account = find(who)
        if account and _name((IMPERSONATION, account.display_name)).lower() == name.lower():
            if (yield from proceed(call, f'Removing the management role assignment "{name}"')):
                kept.remove(who)
            return
    raise CmdletError(
        f'The management role assignment "{name}" couldn\'t be found.',
        "ManagementObjectNotFoundException",
        target=name,
    )


CMDLETS: Final = (
    Cmdlet(
        name="Get-ManagementRoleAssignment",
        run=get_assignment,
        roles=OWN_READ,
        parameters=exchange(
            ANY_IDENTITY,
            *of_kind("string", "Role", "RoleAssignee"),
            *of_kind("bool", "Enabled"),
            *of_kind("switch", "GetEffectiveUsers"),
        ),
    ),
    Cmdlet(
        name="Remove-ManagementRoleAssignment",
        run=remove_assignment,
        roles=OWN,
        confirms=True,
        parameters=exchange(IDENTITY, *of_kind("switch", "Force")),
    ),
)
