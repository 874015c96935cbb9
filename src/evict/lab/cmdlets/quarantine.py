# SPDX-License-Identifier: Apache-2.0
"""Enable-, Disable-MailboxQuarantine, from 2013 on. Source: their reference.

Without -Duration the mailbox opens by itself after 24 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.parameters import IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import OWN
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, Output
from evict.lab.model.profile import Version


def enable(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    duration = call.bound.get("Duration")
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else None
    if seconds is not None and seconds <= 0:
        raise CmdletError(
            f"The duration {duration} must be longer than nothing.",
            "TaskInvalidOperationException",
            category="InvalidArgument",
        )
    if (yield from permit(call, box, "Enabling quarantine of")):
        call.organisation.admin.quarantine(
            box.sam, seconds, allow_migration=call.flag("AllowMigration")
        )


def disable(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    if (yield from permit(call, box, "Disabling quarantine of")):
        call.organisation.admin.release(box.sam)


CMDLETS: Final = (
    Cmdlet(
        name="Enable-MailboxQuarantine",
        run=enable,
        roles=OWN,
        since=Version.V2013,
        parameters=exchange(
            IDENTITY,
            Parameter(name="Duration", kind="timespan"),
            *of_kind("switch", "AllowMigration"),
            Parameter(name="QuarantineReason", since=Version.V2016),
        ),
    ),
    Cmdlet(
        name="Disable-MailboxQuarantine",
        run=disable,
        roles=OWN,
        since=Version.V2013,
        confirms=True,
        parameters=exchange(IDENTITY),
    ),
)
