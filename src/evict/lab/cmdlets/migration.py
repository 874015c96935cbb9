# SPDX-License-Identifier: Apache-2.0
"""New-, Start-, Get-, Complete-, Remove-MigrationBatch of local moves. Source: their reference.

On premises they begin with 2013.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from evict.lab.cmdlets import identity
from evict.lab.cmdlets.acting import proceed
from evict.lab.cmdlets.binding import strings
from evict.lab.cmdlets.moves import database, refused
from evict.lab.cmdlets.objects import CONFIGURABLE, moment
from evict.lab.cmdlets.parameters import ANY_IDENTITY, IDENTITY, exchange, of_kind
from evict.lab.cmdlets.roles import READ, WRITE
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.state import Planned, state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.batches import MigrationBatch
from evict.lab.model.moves import AUTO_SUSPENDED, COMPLETED, ENDED, FAILED
from evict.lab.model.profile import Version

_TYPES: Final = ("Microsoft.Exchange.Data.Storage.Management.MigrationBatch", *CONFIGURABLE)
_COLUMN: Final = "EmailAddress"


Either = Planned | MigrationBatch


def _find(call: Call, value: object) -> Either:
    """Raises `CmdletError` where there is none."""
    name = identity.text_of(value)
    planned = state_of(call.organisation).planned.get(name.lower())
    found = planned or call.organisation.batches.batches.get(name.lower())
    if found is None:
        raise CmdletError(
            f'The migration batch "{name}" couldn\'t be found.',
            "ManagementObjectNotFoundException",
            target=name,
        )
    return found


def _show(batch: Either) -> PsObject:
    if isinstance(batch, Planned):
        return _shown(batch, "Created", len(batch.members), moment(batch.made), {})
    states = [move.status for move in batch.moves]
    counts: dict[str, object] = {
        "ActiveCount": sum(status not in ENDED for status in states),
        "SyncedCount": states.count(AUTO_SUSPENDED),
        "FinalizedCount": states.count(COMPLETED),
        "FailedCount": states.count(FAILED) + len(batch.refused),
        "StartDateTime": moment(batch.created),
        "Message": "; ".join(batch.refused.values()),
    }
    total = len(states) + len(batch.refused)
    return _shown(batch, batch.status, total, moment(batch.created), counts)


def _shown(
    batch: Either, status: str, total: int, made: datetime | None, counts: dict[str, object]
) -> PsObject:
    properties: dict[str, object] = {
        "Identity": batch.name,
        "Status": status,
        "MigrationType": "ExchangeLocalMove",
        "TotalCount": total,
        "TargetDatabases": [batch.target],
        "CreationDateTime": made,
        "ActiveCount": 0,
        "SyncedCount": 0,
        "FinalizedCount": 0,
        "FailedCount": 0,
        "IsValid": True,
    }
    return PsObject(_TYPES, batch.name, properties | counts)


def new_batch(call: Call) -> Iterator[Output]:
    name = call.text("Name")
    planned = state_of(call.organisation).planned
    if name.lower() in {*planned, *call.organisation.batches.batches}:
        raise refused(f'A migration batch with the name "{name}" already exists.')
    targets = strings(call.bound.get("TargetDatabases", [])) or list(call.organisation.databases)
    batch = Planned(
        name=name,
        members=tuple(_members(call)),
        target=database(call, targets[0]),
        made=call.organisation.now(),
        completes=call.flag("AutoComplete"),
    )
    if not (yield from proceed(call, f'Creating the migration batch "{name}"')):
        return
    if call.flag("AutoStart"):
        yield _show(_start(call, batch))
    else:
        planned[name.lower()] = batch
        yield _show(batch)


def _members(call: Call) -> list[str]:
    """Accounts of -CSVData, a file's bytes with a column EmailAddress. Raises `CmdletError`."""
    data = call.bound["CSVData"]
    if isinstance(data, list):
        data = bytes(n for n in data if isinstance(n, int) and 0 <= n < 256)
    text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else str(data)
    reader = csv.DictReader(io.StringIO(text))
    if _COLUMN not in (reader.fieldnames or ()):
        raise refused(f'The CSV file doesn\'t have the required column "{_COLUMN}".')
    return [identity.mailbox(call, row[_COLUMN]).sam for row in reader if row[_COLUMN]]


def _start(call: Call, batch: Planned) -> MigrationBatch:
    return call.organisation.batches.start(
        batch.name, batch.members, batch.target, auto_complete=batch.completes
    )


def start_batch(call: Call) -> Iterator[Output]:
    batch = _find(call, call.bound["Identity"])
    if isinstance(batch, MigrationBatch):
        raise refused(f'The migration batch "{batch.name}" was started already.')
    if (yield from proceed(call, f'Starting the migration batch "{batch.name}"')):
        del state_of(call.organisation).planned[batch.name.lower()]
        _start(call, batch)


def get_batch(call: Call) -> Iterator[Output]:
    if "Identity" in call.bound:
        yield _show(_find(call, call.bound["Identity"]))
        return
    every: list[Either] = [*call.organisation.batches.batches.values()]
    every += state_of(call.organisation).planned.values()
    for batch in every:
        yield _show(batch)


def complete_batch(call: Call) -> Iterator[Output]:
    batch = _find(call, call.bound["Identity"])
    if isinstance(batch, Planned):
        raise refused(f'The migration batch "{batch.name}" was not started.')
    if (yield from proceed(call, f'Completing the migration batch "{batch.name}"')):
        call.organisation.batches.complete(batch.name)


def remove_batch(call: Call) -> Iterator[Output]:
    batch = _find(call, call.bound["Identity"])
    active = isinstance(batch, MigrationBatch) and batch.status in ("Syncing", "Completing")
    if active and not call.flag("Force"):
        raise refused(f'The migration batch "{batch.name}" is at work: stop it or use -Force.')
    if not (yield from proceed(call, f'Removing the migration batch "{batch.name}"')):
        return
    if isinstance(batch, Planned):
        del state_of(call.organisation).planned[batch.name.lower()]
    else:
        call.organisation.batches.remove(batch.name)


_NEW: Final = exchange(
    Parameter(name="Name", required=True),
    Parameter(name="CSVData", kind="object", required=True),
    *of_kind("switch", "Local", "AutoStart", "AutoComplete", "PrimaryOnly"),
    *of_kind("list", "TargetDatabases", "NotificationEmails"),
    *of_kind("string", "BadItemLimit"),
)


def _cmdlets() -> Iterator[Cmdlet]:
    since = Version.V2013
    yield Cmdlet(
        name="New-MigrationBatch", run=new_batch, roles=WRITE, since=since, parameters=_NEW
    )
    yield Cmdlet(
        name="Start-MigrationBatch",
        run=start_batch,
        roles=WRITE,
        since=since,
        parameters=exchange(IDENTITY),
    )
    yield Cmdlet(
        name="Get-MigrationBatch",
        run=get_batch,
        roles=READ,
        since=since,
        parameters=exchange(ANY_IDENTITY, *of_kind("switch", "IncludeReport")),
    )
    yield Cmdlet(
        name="Complete-MigrationBatch",
        run=complete_batch,
        roles=WRITE,
        since=since,
        confirms=True,
        parameters=exchange(IDENTITY),
    )
    yield Cmdlet(
        name="Remove-MigrationBatch",
        run=remove_batch,
        roles=WRITE,
        since=since,
        confirms=True,
        parameters=exchange(IDENTITY, *of_kind("switch", "Force")),
    )


CMDLETS: Final = tuple(_cmdlets())
