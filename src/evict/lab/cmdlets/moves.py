# SPDX-License-Identifier: Apache-2.0
"""New-, Get-, Resume-, Remove-MoveRequest and statistics. Source: their reference.

A request that ended stands until it is removed, and no other can be made before.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import permit
from evict.lab.cmdlets.binding import not_convertible
from evict.lab.cmdlets.objects import (
    CONFIGURABLE,
    DIRECTORY_OBJECT,
    database_id,
    dn_of,
    mailbox_id,
    moment,
    name_of,
    server_of,
    size,
)
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, RESULT_SIZE, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.moves import COMPLETED, COMPLETING, ENDED, FAILED, MoveRequest
from evict.lab.model.profile import Version

_REQUEST: Final = (
    "Microsoft.Exchange.Management.RecipientTasks.MoveRequest",
    *DIRECTORY_OBJECT,
)
_STATISTICS: Final = (
    "Microsoft.Exchange.Management.RecipientTasks.MoveRequestStatistics",
    *CONFIGURABLE,
)


def refused(text: str) -> CmdletError:
    return CmdletError(text, "RecipientTaskException", category="InvalidArgument")


def database(call: Call, value: object) -> str:
    """Raises `CmdletError` where there is none of this name."""
    name = identity.text_of(value)
    known = next((d for d in call.organisation.databases if d.lower() == name.lower()), None)
    if known is None:
        raise CmdletError(
            f'Couldn\'t find database "{name}". Make sure you have typed it correctly.',
            "ManagementObjectNotFoundException",
            target=name,
        )
    return known


def request(call: Call, value: object) -> tuple[Mailbox, MoveRequest]:
    """The move of a mailbox. Raises `CmdletError` where there is none."""
    box = identity.mailbox(call, value)
    move = call.organisation.moves.requests.get(box.sam)
    if move is None:
        raise CmdletError(
            "Couldn't find a move request that corresponds to the specified identity"
            f" '{name_of(call.organisation, box)}'.",
            "ManagementObjectNotFoundException",
            target=identity.text_of(value),
        )
    return box, move


def _common(call: Call, box: Mailbox, move: MoveRequest) -> dict[str, object]:
    return {
        "DisplayName": box.display_name,
        "Alias": box.sam,
        "Status": move.status,
        "Flags": "IntraOrg, Pull",
        "SourceDatabase": database_id(move.source),
        "TargetDatabase": database_id(move.target),
        "BatchName": move.batch,
        "DistinguishedName": dn_of(call.organisation, box),
        "Identity": mailbox_id(call.organisation, box),
        "IsValid": True,
    }


def _show(call: Call, box: Mailbox, move: MoveRequest) -> PsObject:
    own = _common(call, box, move)
    guid = uuid.UUID(call.organisation.directory.get(box.sam).guid)
    extra = {"Name": box.display_name, "Guid": guid, "ExchangeGuid": uuid.UUID(box.guid)}
    return PsObject(_REQUEST, box.display_name, own | extra)


def statistics(call: Call, box: Mailbox, move: MoveRequest) -> PsObject:
    organisation = call.organisation
    percent = organisation.moves.percent(move)
    end = move.ended if move.ended is not None else organisation.now()
    failed = move.status == FAILED
    properties = {
        **_common(call, box, move),
        "MailboxIdentity": mailbox_id(organisation, box),
        "ExchangeGuid": uuid.UUID(box.guid),
        "StatusDetail": {
            COMPLETING: "Completion",
            FAILED: "FailedOther",
        }.get(move.status, "CopyingMessages" if move.ended is None else move.status),
        "SyncStage": "SyncFinished" if move.status == COMPLETED else "CopyingMessages",
        "PercentComplete": percent,
        "BytesTransferred": size(box.size * percent // 100),
        "TotalMailboxSize": size(box.size),
        "TotalMailboxItemCount": sum(len(m) for m in box.messages.values()),
        "SourceServer": server_of(organisation, move.source),
        "TargetServer": server_of(organisation, move.target),
        "QueuedTimestamp": moment(move.started),
        "StartTimestamp": moment(move.started),
        "CompletionTimestamp": moment(move.ended) if move.status == COMPLETED else None,
        "FailureTimestamp": moment(move.ended) if failed else None,
        "FailureType": move.failure.partition(":")[0] if failed else None,
        "Message": move.failure,
        "OverallDuration": timedelta(seconds=round(end - move.started)),
        "SuspendWhenReadyToComplete": move.suspend,
        "IsLocked": move.status == COMPLETING,
    }
    return PsObject(_STATISTICS, box.display_name, properties)


def new_request(call: Call) -> Iterator[Output]:
    box = identity.mailbox(call, call.bound["Identity"])
    target = _target(call, box)
    later = _completes_after(call)
    shown = name_of(call.organisation, box)
    standing = call.organisation.moves.requests.get(box.sam)
    if standing is not None:
        ended = standing.ended is not None
        raise refused(
            f"Mailbox '{shown}' already has a {'completed ' if ended else ''}move request"
            " associated with it. Before another is made, remove it with Remove-MoveRequest."
        )
    if box.database == target:
        raise refused(f"Mailbox '{shown}' is already in the target database '{target}'.")
    if not (yield from permit(call, box, f"Moving to {target} the mailbox of")):
        return
    waits = call.flag("SuspendWhenReadyToComplete") or call.flag("PreventCompletion")
    move = call.organisation.moves.start(
        box.sam, target, suspend=waits or later is not None, batch=call.text("BatchName")
    )
    if later is not None:
        call.organisation.timers.at(later, lambda: _complete(call, move))
    yield statistics(call, box, move)


def _target(call: Call, box: Mailbox) -> str:
    """-TargetDatabase, or another one than the mailbox's. Raises `CmdletError`."""
    if "TargetDatabase" in call.bound:
        return database(call, call.bound["TargetDatabase"])
    other = next((d for d in call.organisation.databases if d != box.database), None)
    if other is None:
        raise refused("No database is available to move the mailbox to.")
    return other


def _completes_after(call: Call) -> float | None:
    """-CompleteAfter in seconds, where it lies ahead. Raises `CmdletError`."""
    value = call.bound.get("CompleteAfter")
    if value is None:
        return None
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise not_convertible(call.cmdlet, "CompleteAfter", value, "System.DateTime") from None
    seconds = at.replace(tzinfo=at.tzinfo or UTC).timestamp()
    return seconds if seconds > call.organisation.now() else None


def _complete(call: Call, move: MoveRequest) -> None:
    """At -CompleteAfter; a copy that is not done yet goes straight on when it is."""
    standing = call.organisation.moves.requests.get(move.sam)
    if standing is move and move.status not in (COMPLETING, *ENDED):
        call.organisation.moves.complete(move)


def get_request(call: Call) -> Iterator[Output]:
    if "Identity" in call.bound:
        yield _show(call, *request(call, call.bound["Identity"]))
        return
    status, batch = call.text("MoveStatus").lower(), call.text("BatchName").lower()
    moves = [
        move
        for move in call.organisation.moves.requests.values()
        if (not status or move.status.lower() == status)
        and (not batch or move.batch.lower() == batch)
    ]
    for move in moves[: identity.result_size(call)]:
        yield _show(call, call.organisation.mailboxes[move.sam], move)


def get_statistics(call: Call) -> Iterator[Output]:
    yield statistics(call, *request(call, call.bound["Identity"]))


def resume(call: Call) -> Iterator[Output]:
    box, move = request(call, call.bound["Identity"])
    if not (yield from permit(call, box, "Resuming the move of")):
        return
    if call.flag("SuspendWhenReadyToComplete"):
        move.suspend = True
    else:
        call.organisation.moves.complete(move)


def remove(call: Call) -> Iterator[Output]:
    box, _ = request(call, call.bound["Identity"])
    if (yield from permit(call, box, "Removing the move request of")):
        call.organisation.moves.remove(box.sam)


_NEW: Final = exchange(
    IDENTITY,
    *of_kind("string", "TargetDatabase", "BatchName", "Priority", "BadItemLimit"),
    *of_kind("switch", "SuspendWhenReadyToComplete", "AcceptLargeDataLoss", "PrimaryOnly"),
    Parameter(name="CompleteAfter", kind="object", since=Version.V2013),
    Parameter(name="PreventCompletion", kind="switch", since=Version.V2013),
)

CMDLETS: Final = (
    Cmdlet(name="New-MoveRequest", run=new_request, roles=WRITE, parameters=_NEW),
    Cmdlet(
        name="Get-MoveRequest",
        run=get_request,
        roles=READ,
        parameters=exchange(
            ANY_IDENTITY, RESULT_SIZE, *of_kind("string", "MoveStatus", "BatchName")
        ),
    ),
    Cmdlet(
        name="Get-MoveRequestStatistics",
        run=get_statistics,
        roles=READ,
        parameters=exchange(IDENTITY, *of_kind("switch", "IncludeReport", "Diagnostic")),
    ),
    Cmdlet(
        name="Resume-MoveRequest",
        run=resume,
        roles=WRITE,
        parameters=exchange(IDENTITY, *of_kind("switch", "SuspendWhenReadyToComplete")),
    ),
    Cmdlet(
        name="Remove-MoveRequest",
        run=remove,
        roles=WRITE,
        confirms=True,
        parameters=exchange(IDENTITY, *of_kind("switch", "Force")),
    ),
)
