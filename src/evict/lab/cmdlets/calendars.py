# SPDX-License-Identifier: Apache-2.0
"""Get-, Set-MailboxCalendarFolder: a published calendar is read by anybody with its address.

Source: the reference of both cmdlets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets.acting import permit, unchanged
from evict.lab.cmdlets.folder_permissions import folder
from evict.lab.cmdlets.objects import CONFIGURABLE, made_up_id, name_of
from evict.lab.cmdlets.parameters import IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import Mailbox

_TYPES: Final = (
    "Microsoft.Exchange.Data.Storage.Management.MailboxCalendarFolder",
    *CONFIGURABLE,
)
_CALENDAR: Final = "Calendar"
_DETAILS: Final = ("AvailabilityOnly", "LimitedDetails", "FullDetails")


def _mailbox(call: Call) -> Mailbox:
    """Raises `CmdletError` for a folder that is no calendar."""
    box, where = folder(call, call.bound["Identity"])
    if where != _CALENDAR:
        raise CmdletError(
            f"The folder '{where or box.display_name}' isn't a calendar folder.",
            "TaskInvalidOperationException",
            category="InvalidArgument",
        )
    return box


def get_calendar(call: Call) -> Iterator[Output]:
    box = _mailbox(call)
    calendar = box.calendar
    url = calendar.url if calendar.enabled else None
    own = f"{name_of(call.organisation, box)}:\\{_CALENDAR}"
    properties: dict[str, object] = {
        "Identity": own,
        "PublishEnabled": calendar.enabled,
        "DetailLevel": calendar.detail_level,
        "PublishDateRangeFrom": "ThreeMonths",
        "PublishDateRangeTo": "ThreeMonths",
        "SearchableUrlEnabled": False,
        "PublishedCalendarUrl": url,
        "PublishedICalUrl": url.removesuffix(".html") + ".ics" if url else None,
        "IsValid": True,
    }
    yield PsObject(_TYPES, own, properties)


def set_calendar(call: Call) -> Iterator[Output]:
    box = _mailbox(call)
    wanted = call.text("DetailLevel")
    level = next((d for d in _DETAILS if d.lower() == wanted.lower()), None)
    if wanted and level is None:
        raise CmdletError(
            f"The detail level '{wanted}' isn't one of {', '.join(_DETAILS)}.",
            "TaskInvalidOperationException",
            category="InvalidArgument",
        )
    if not (yield from permit(call, box, "Setting calendar folder properties of")):
        return
    calendar = box.calendar
    before = (calendar.enabled, calendar.detail_level, calendar.url)
    if "PublishEnabled" in call.bound:
        calendar.enabled = call.flag("PublishEnabled")
    calendar.detail_level = level or calendar.detail_level
    if call.flag("ResetUrl") or (calendar.enabled and not calendar.url):
        calendar.url = _address(call, box)
    if (calendar.enabled, calendar.detail_level, calendar.url) == before:
        yield from unchanged(call, box)


def _address(call: Call, box: Mailbox) -> str:
    """Never the one before."""
    organisation = call.organisation
    secret = made_up_id(box.sam, box.calendar.url, str(organisation.now()))
    host = f"mail.{organisation.directory.domain}"
    return f"http://{host}/owa/calendar/{secret.hex}@{organisation.directory.domain}/calendar.html"


CMDLETS: Final = (
    Cmdlet(
        name="Get-MailboxCalendarFolder",
        run=get_calendar,
        roles=READ,
        parameters=exchange(IDENTITY),
    ),
    Cmdlet(
        name="Set-MailboxCalendarFolder",
        run=set_calendar,
        roles=WRITE,
        parameters=exchange(
            IDENTITY,
            *of_kind("bool", "PublishEnabled", "SearchableUrlEnabled"),
            *of_kind("string", "DetailLevel", "PublishDateRangeFrom", "PublishDateRangeTo"),
            *of_kind("switch", "ResetUrl"),
        ),
    ),
)
