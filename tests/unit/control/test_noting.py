# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from evict.control import api
from evict.control.audit.noting import answered
from evict.control.audit.record import Record, Result
from evict.core.access import Asker, Role
from evict.core.errors import (
    AccountUnknown,
    AuditNotWritten,
    EvictError,
    ExitCode,
    GuardRefused,
    NotAllowed,
)

BACKUP = api.LedgerCall(what="backup", argument="/b")
SHOW = api.LedgerCall(what="show", argument="alice")
LOOK = api.Look(what="status")
REVOKE = api.Revoke(names=("alice", "bob"), request="r", reason="left")


def some(*roles: Role) -> Asker:
    return Asker(name="uid:7(erika)", person="uid:7", roles=frozenset(roles), where="unix socket")


async def work(
    *, error: EvictError | None = None, code: ExitCode = ExitCode.OK
) -> AsyncIterator[api.Line]:
    if error is not None:
        raise error
    yield api.Answer(data=1)
    yield api.End(exit_code=code)


class Log:
    def __init__(self, *, full: bool = False) -> None:
        self.records: list[Record] = []
        self.full = full

    async def note(self, record: Record) -> None:
        if self.full:
            raise AuditNotWritten("full")
        self.records.append(record)


async def told(
    log: Log, request: api.Request, asker: Asker, lines: AsyncIterator[api.Line]
) -> list[api.Line]:
    return [line async for line in answered(request, asker, lines, log.note)]


@pytest.mark.parametrize("request_", [BACKUP, SHOW, api.AuditCall(what="show", account="alice")])
async def test_what_changes_or_shows_records_is_noted(request_: api.Request) -> None:
    log = Log()
    await told(log, request_, some(Role.ADMINISTRATOR), work())
    assert [(r.who, r.result, r.where) for r in log.records] == [
        ("uid:7(erika)", Result.DONE, "unix socket")
    ]
    assert log.records[0].on in (("/b",), ("alice",))


async def test_the_record_is_there_before_anything_is_told() -> None:
    log = Log()
    lines = answered(BACKUP, some(Role.ADMINISTRATOR), work(code=ExitCode.FAILED), log.note)
    async for line in lines:
        assert isinstance(line, api.Answer)
        break
    assert [(r.what, r.result) for r in log.records] == [("ledger.backup", Result.FAILED)]


@pytest.mark.parametrize(
    "request_",
    [LOOK, api.LedgerCall(what="verify"), api.TokenList(), api.ScheduleList(), api.HeldCall()],
)
async def test_looks_are_not_noted(request_: api.Request) -> None:
    log = Log()
    await told(log, request_, some(Role.ADMINISTRATOR), work())
    with pytest.raises(AccountUnknown):
        await told(log, request_, some(Role.ADMINISTRATOR), work(error=AccountUnknown("x")))
    assert log.records == []


@pytest.mark.parametrize("request_", [LOOK, REVOKE, BACKUP])
async def test_whatever_is_refused_is_noted_and_nothing_of_it_is_begun(
    request_: api.Request,
) -> None:
    log = Log()
    begun = []

    async def never() -> AsyncIterator[api.Line]:
        begun.append(1)
        yield api.End(exit_code=ExitCode.OK)

    with pytest.raises(NotAllowed):
        await told(log, request_, some(), never())
    assert begun == []
    assert [r.result for r in log.records] == [Result.REFUSED]
    assert "may not do this" in log.records[0].detail


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (GuardRefused("protected"), Result.REFUSED),
        (AccountUnknown("nobody"), Result.FAILED),
        (NotAllowed("not this one"), Result.REFUSED),
    ],
)
async def test_an_order_that_comes_to_nothing_is_noted(error: EvictError, result: Result) -> None:
    log = Log()
    with pytest.raises(type(error)):
        await told(log, REVOKE, some(Role.OPERATOR), work(error=error))
    (record,) = log.records
    assert (record.what, record.on, record.why) == ("revoke", ("alice", "bob"), "left")
    assert (record.result, record.detail) == (result, error.text)


async def test_an_order_that_is_carried_out_is_noted_by_its_part_alone() -> None:
    log = Log()
    await told(log, REVOKE, some(Role.OPERATOR), work())
    assert log.records == []


async def test_a_log_that_cannot_be_written_stops_nobody_here() -> None:
    log = Log(full=True)
    assert len(await told(log, BACKUP, some(Role.ADMINISTRATOR), work())) == 2
    with pytest.raises(NotAllowed):
        await told(log, BACKUP, some(), work())
