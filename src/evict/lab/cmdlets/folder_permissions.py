# SPDX-License-Identifier: Apache-2.0
r"""Get-, Add-, Set-, Remove-MailboxFolderPermission: `mailbox:\folder`. Source: their reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.binding import not_convertible, strings
from evict.lab.cmdlets.objects import CONFIGURABLE, name_of
from evict.lab.cmdlets.parameters import IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import Mailbox

TOP: Final = "Top of Information Store"
_TYPES: Final = (
    "Microsoft.Exchange.Management.StoreTasks.MailboxFolderPermission",
    *CONFIGURABLE,
)
_USER_ID: Final = (
    "Microsoft.Exchange.Management.StoreTasks.MailboxFolderUserId",
    "System.Object",
)
_EVERYBODY: Final = ("Default", "Anonymous")
_ROLES: Final = (
    "None",
    "Owner",
    "PublishingEditor",
    "Editor",
    "PublishingAuthor",
    "Author",
    "NonEditingAuthor",
    "Reviewer",
    "Contributor",
    "AvailabilityOnly",
    "LimitedDetails",
    "CreateItems",
    "CreateSubfolders",
    "DeleteAllItems",
    "DeleteOwnedItems",
    "EditAllItems",
    "EditOwnedItems",
    "FolderContact",
    "FolderOwner",
    "FolderVisible",
    "ReadItems",
)


def folder(call: Call, value: object) -> tuple[Mailbox, str]:
    r"""The mailbox and the folder's name, "" the top. Raises `CmdletError`.

    `mailbox`, `mailbox:\` and `mailbox:\Folder` are taken.
    """
    text = identity.text_of(value)
    owner, colon, path = text.rpartition(":\\")
    box = identity.mailbox(call, owner if colon else text)
    wanted = path.strip("\\") if colon else ""
    if not wanted:
        return box, ""
    known = next((f for f in box.folders if f.lower() == wanted.lower()), None)
    if known is None:
        raise identity.not_found(call, text)
    return box, known


def _entries(call: Call, box: Mailbox, where: str) -> dict[str, tuple[str, ...]]:
    """Account, or whatever stands there, -> rights; with the two that every folder has."""
    default = ("AvailabilityOnly",) if where == "Calendar" else ("None",)
    base = {"Default": default, "Anonymous": ("None",)}
    standing = box.folder_permissions.get(where, {})
    return base | {_account(call, user): rights for user, rights in standing.items()}


def _account(call: Call, user: str) -> str:
    account = call.organisation.directory.find(user)
    return user if account is None else account.sam


def _put(call: Call, box: Mailbox, where: str, user: str, rights: tuple[str, ...] | None) -> None:
    """Write one entry, whichever name it stood under; None: take it away."""
    standing = box.folder_permissions.setdefault(where, {})
    for name in [name for name in standing if _account(call, name) == user]:
        del standing[name]
    if rights is not None:
        standing[user] = rights


def _show(call: Call, box: Mailbox, where: str, user: str, rights: tuple[str, ...]) -> PsObject:
    boxes = identity.named(call.organisation, user)
    shown = boxes[0].display_name if boxes else user
    user_id: dict[str, object] = {
        "UserType": user if user in _EVERYBODY else ("Internal" if boxes else "Unknown"),
        "DisplayName": shown,
    }
    properties: dict[str, object] = {
        "FolderName": where or TOP,
        "User": PsObject(_USER_ID, shown, user_id),
        "AccessRights": list(rights),
        "Identity": PsObject((*_USER_ID[1:],), shown, {}),
        "IsValid": True,
    }
    return PsObject(_TYPES, f"{name_of(call.organisation, box)}:\\{where}", properties)


def _user(call: Call) -> str:
    """The account, or "Default", "Anonymous". Raises `CmdletError`."""
    name = identity.text_of(call.bound["User"])
    known = next((e for e in _EVERYBODY if e.lower() == name.lower()), None)
    if known is not None:
        return known
    boxes = identity.named(call.organisation, name)
    return boxes[0].sam if boxes else identity.recipient(call, name).sam


def _none(box: Mailbox, user: str) -> CmdletError:
    return CmdletError(
        f"There is no existing permission entry found for user: {user}.",
        "UserNotFoundInPermissionEntryException",
        category="NotSpecified",
        target=box.display_name,
    )


def get_permission(call: Call) -> Iterator[Output]:
    box, where = folder(call, call.bound["Identity"])
    entries = _entries(call, box, where)
    if "User" in call.bound:
        user = _user(call)
        if user not in entries:
            raise _none(box, user)
        entries = {user: entries[user]}
    for user, rights in entries.items():
        yield _show(call, box, where, user, rights)


def _rights(call: Call) -> tuple[str, ...]:
    known = {role.lower(): role for role in _ROLES}
    given = [r.strip() for text in strings(call.bound["AccessRights"]) for r in text.split(",")]
    for right in given:
        if right.lower() not in known:
            raise not_convertible(call.cmdlet, "AccessRights", right, "MailboxFolderAccessRight[]")
    return tuple(dict.fromkeys(known[right.lower()] for right in given))


def add_permission(call: Call) -> Iterator[Output]:
    box, where = folder(call, call.bound["Identity"])
    user, rights = _user(call), _rights(call)
    if user in _entries(call, box, where):
        raise CmdletError(
            f"An existing permission entry was found for user: {user}.",
            "UserAlreadyExistsInPermissionEntryException",
            category="NotSpecified",
        )
    if not (yield from permit(call, box, f"Adding folder permission for {user} in {where} of")):
        return
    _put(call, box, where, user, rights)
    yield _show(call, box, where, user, rights)


def set_permission(call: Call) -> Iterator[Output]:
    box, where = folder(call, call.bound["Identity"])
    user, rights = _user(call), _rights(call)
    if user not in _entries(call, box, where):
        raise _none(box, user)
    if (yield from permit(call, box, f"Setting folder permission for {user} in {where} of")):
        _put(call, box, where, user, rights)


def remove_permission(call: Call) -> Iterator[Output]:
    box, where = folder(call, call.bound["Identity"])
    user = _user(call)
    if user in _EVERYBODY:
        raise CmdletError(
            f"The permission entry of {user} can't be removed.",
            "CannotRemoveSpecialUserException",
            category="InvalidOperation",
        )
    if user not in _entries(call, box, where):
        raise _none(box, user)
    if (yield from permit(call, box, f"Removing folder permission for {user} in {where} of")):
        _put(call, box, where, user, None)


_USER: Final = Parameter(name="User", required=True)
_RIGHTS: Final = Parameter(name="AccessRights", kind="list", required=True)

CMDLETS: Final = (
    Cmdlet(
        name="Get-MailboxFolderPermission",
        run=get_permission,
        roles=READ,
        parameters=exchange(IDENTITY, Parameter(name="User"), *of_kind("object", "ResultSize")),
    ),
    Cmdlet(
        name="Add-MailboxFolderPermission",
        run=add_permission,
        roles=WRITE,
        parameters=exchange(IDENTITY, _USER, _RIGHTS),
    ),
    Cmdlet(
        name="Set-MailboxFolderPermission",
        run=set_permission,
        roles=WRITE,
        parameters=exchange(IDENTITY, _USER, _RIGHTS),
    ),
    Cmdlet(
        name="Remove-MailboxFolderPermission",
        run=remove_permission,
        roles=WRITE,
        confirms=True,
        parameters=exchange(IDENTITY, _USER),
    ),
)
