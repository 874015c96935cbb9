# SPDX-License-Identifier: Apache-2.0
"""Who is meant: Exchange takes many names for a mailbox, and for whom a permission is given."""

from __future__ import annotations

import fnmatch
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from evict.lab.cmdlets.objects import name_of
from evict.lab.cmdlets.shape import Call
from evict.lab.cmdlets.words import CmdletError, Output, PsObject, Warning_
from evict.lab.model.mailbox import SELF, Mailbox

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

_GROUPS: Final = (
    "Exchange Servers",
    "Exchange Trusted Subsystem",
    "Organization Management",
    "Recipient Management",
    "View-Only Organization Management",
    "Domain Admins",
    "Administrators",
)
_SELF_NAMES: Final = (SELF.lower(), "self", "s-1-5-10")
_DEFAULT_RESULT_SIZE: Final = 1000


def text_of(value: object) -> str:
    """An identity as text; an object of the pipeline gives its own."""
    if not isinstance(value, PsObject):
        return str(value)
    own = value.properties.get("Identity")
    return text_of(own) if own is not None and own is not value else value.to_string


def not_found(call: Call, what: str) -> CmdletError:
    domain = call.organisation.directory.domain
    return CmdletError(
        f"The operation couldn't be performed because object '{what}' couldn't be found on"
        f" 'DC01.{domain}'.",
        "ManagementObjectNotFoundException",
        target=what,
    )


def ambiguous(what: str) -> CmdletError:
    return CmdletError(
        f"The operation couldn't be performed because '{what}' matches multiple entries.",
        "ManagementObjectAmbiguousException",
        target=what,
    )


def mailbox(call: Call, value: object) -> Mailbox:
    """The one mailbox that is meant. Raises `CmdletError`: none, or more than one."""
    name = text_of(value)
    hits = named(call.organisation, name)
    if len(hits) > 1:
        raise ambiguous(name)
    if not hits:
        raise not_found(call, name)
    return hits[0]


def named(organisation: Organisation, name: str) -> list[Mailbox]:
    """Every mailbox of this name: an account's name or address, an id, a display name."""
    account = organisation.directory.find(name)
    if account is not None:
        own = organisation.mailboxes.get(account.sam)
        return [own] if own is not None else []
    low = name.lower()
    if "/" in low:
        return [
            b for b in organisation.mailboxes.values() if name_of(organisation, b).lower() == low
        ]
    guid = _guid(low)
    if guid is not None:
        known = organisation.directory.find(guid)
        return [b for b in organisation.mailboxes.values() if b.guid == guid or _is(b, known)]
    return [b for b in organisation.mailboxes.values() if b.display_name.lower() == low]


def _is(box: Mailbox, account: object) -> bool:
    return getattr(account, "sam", None) == box.sam


def _guid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def several(call: Call) -> Iterator[Output | Mailbox]:
    """The mailbox of -Identity; all of them, or those of its pattern, up to -ResultSize."""
    value = call.bound.get("Identity")
    pattern = "" if value is None else text_of(value)
    if pattern and "*" not in pattern:
        yield mailbox(call, value)
        return
    boxes = list(call.organisation.mailboxes.values())
    if pattern:
        low = pattern.lower()
        boxes = [
            b
            for b in boxes
            if any(fnmatch.fnmatchcase(n.lower(), low) for n in (b.sam, b.display_name))
        ]
    yield from limited(call, boxes)


def limited(call: Call, boxes: list[Mailbox]) -> Iterator[Output | Mailbox]:
    """As many as -ResultSize wants, and a warning where there are more."""
    most = result_size(call)
    if most is not None and len(boxes) > most:
        yield Warning_(
            "There are more results available than are currently displayed. To view them, increase"
            " the value for the ResultSize parameter."
        )
        boxes = boxes[:most]
    yield from boxes


def result_size(call: Call) -> int | None:
    """None: no limit. Raises `CmdletError` for what is neither a number nor "Unlimited"."""
    wanted = call.text("ResultSize") or str(_DEFAULT_RESULT_SIZE)
    if wanted.lower() == "unlimited":
        return None
    if not wanted.isdigit():
        raise CmdletError(
            f'Cannot convert value "{wanted}" to type "Unlimited".',
            "ParameterBindingException",
            category="InvalidArgument",
            error_id=f"ParameterArgumentTransformationError,{call.cmdlet.name}",
            terminating=True,
        )
    return int(wanted)


def principal(call: Call, value: object, known: Iterator[str] | tuple[str, ...] = ()) -> str:
    r"""Whom a permission is for, as entries name them: `CORP\ann`, `NT AUTHORITY\SELF`.

    Args:
        known: names in entries that stand already: those of deleted accounts are taken too.

    Raises:
        CmdletError: nobody has this name.
    """
    organisation = call.organisation
    name = text_of(value)
    low = name.lower()
    if low in _SELF_NAMES:
        return SELF
    netbios = organisation.directory.netbios
    account = organisation.directory.find(name)
    if account is None and len(boxes := named(organisation, name)) == 1:
        account = organisation.directory.find(boxes[0].sam)
    if account is not None:
        return f"{netbios}\\{account.sam}"
    short = low.removeprefix(f"{netbios.lower()}\\")
    group = next((g for g in _GROUPS if g.lower() == short), None)
    if group is not None:
        return f"{netbios}\\{group}"
    standing = next((k for k in known if k.lower() == low), None)
    if standing is not None:
        return standing
    raise CmdletError(
        f"User or group \"{name}\" wasn't found. Please make sure you've typed it correctly.",
        "ManagementObjectNotFoundException",
        target=name,
    )


def recipient(call: Call, value: object) -> Mailbox:
    """Somebody who receives mail here. Raises `CmdletError`."""
    name = text_of(value)
    hits = named(call.organisation, name.removeprefix("smtp:"))
    if len(hits) > 1:
        raise ambiguous(name)
    if not hits:
        raise CmdletError(
            f'Couldn\'t find object "{name}". Please make sure that it was spelled correctly or'
            " specify a different object.",
            "ManagementObjectNotFoundException",
            target=name,
        )
    return hits[0]
