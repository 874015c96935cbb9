# SPDX-License-Identifier: Apache-2.0
"""Unified messaging, 2010 to 2016: on or off, and a phone PIN. Source: the cmdlets' reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.objects import DIRECTORY_OBJECT, mailbox_id
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, RESULT_SIZE, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet
from evict.lab.cmdlets.state import state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.profile import Version

_DATA: Final = "Microsoft.Exchange.Data.Directory.Management."
_MAILBOX: Final = (f"{_DATA}UMMailbox", *DIRECTORY_OBJECT)
_PIN: Final = ("Microsoft.Exchange.Management.UM.UMMailboxPin", *DIRECTORY_OBJECT)
_UNTIL: Final = Version.V2016


def _enabled(call: Call) -> Mailbox:
    """Raises `CmdletError` where it is off."""
    box = identity.mailbox(call, call.bound["Identity"])
    if not box.um_enabled:
        raise CmdletError(
            f"The mailbox '{box.display_name}' isn't enabled for Unified Messaging.",
            "RecipientTaskException",
            category="InvalidOperation",
        )
    return box


def get_mailbox(call: Call) -> Iterator[Output]:
    boxes = [_enabled(call)] if "Identity" in call.bound else list(_all(call))
    for box in boxes[: identity.result_size(call)]:
        own = mailbox_id(call.organisation, box)
        properties: dict[str, object] = {
            "Name": box.display_name,
            "DisplayName": box.display_name,
            "UMEnabled": True,
            "UMMailboxPolicy": "Default Policy",
            "PrimarySmtpAddress": box.primary,
            "Identity": own,
            "IsValid": True,
        }
        yield PsObject(_MAILBOX, box.display_name, properties)


def _all(call: Call) -> Iterator[Mailbox]:
    return (box for box in call.organisation.mailboxes.values() if box.um_enabled)


def disable(call: Call) -> Iterator[Output]:
    box = _enabled(call)
    if (yield from permit(call, box, "Disabling Unified Messaging for")):
        box.um_enabled = False


def get_pin(call: Call) -> Iterator[Output]:
    box = _enabled(call)
    properties: dict[str, object] = {
        "UserID": box.sam,
        "PinExpired": False,
        "FirstTimeUser": False,
        "LockedOut": state_of(call.organisation).of(box.sam).pin_locked,
        "Identity": mailbox_id(call.organisation, box),
        "IsValid": True,
    }
    yield PsObject(_PIN, box.display_name, properties)


def set_pin(call: Call) -> Iterator[Output]:
    box = _enabled(call)
    if (yield from permit(call, box, "Setting the Unified Messaging PIN of")) and (
        "LockedOut" in call.bound
    ):
        state_of(call.organisation).of(box.sam).pin_locked = call.flag("LockedOut")


CMDLETS: Final = (
    Cmdlet(
        name="Get-UMMailbox",
        run=get_mailbox,
        roles=READ,
        until=_UNTIL,
        parameters=exchange(ANY_IDENTITY, RESULT_SIZE),
    ),
    Cmdlet(
        name="Disable-UMMailbox",
        run=disable,
        roles=WRITE,
        until=_UNTIL,
        confirms=True,
        parameters=exchange(IDENTITY, *of_kind("bool", "KeepProperties")),
    ),
    Cmdlet(
        name="Get-UMMailboxPIN",
        run=get_pin,
        roles=READ,
        until=_UNTIL,
        parameters=exchange(IDENTITY),
    ),
    Cmdlet(
        name="Set-UMMailboxPIN",
        run=set_pin,
        roles=WRITE,
        until=_UNTIL,
        parameters=exchange(
            IDENTITY,
            *of_kind("bool", "LockedOut", "PINExpired", "SendEmail"),
            *of_kind("string", "Pin"),
        ),
    ),
)
