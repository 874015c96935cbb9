# SPDX-License-Identifier: Apache-2.0
"""Roles, tokens and the audit log as a whole control plane has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from evict.cli import link
from evict.cli.output import CommandFailed
from evict.cli.token_file import VARIABLE
from evict.config.access import AccessSection
from evict.control import api
from evict.control.access.findings import access_findings, approver_findings, audit_findings
from evict.control.service import ControlService
from evict.core.access import Asker, Role, Scope, administrator
from evict.core.errors import AuditNotWritten, EvictError, NotAllowed
from evict.core.exposure import Severity
from tests.fault.control.town import UPN, Town, town

HOST = "127.166.5.1"
ROOT = administrator("uid:0(root)", person="uid:0", where="unix socket")
OPERATOR = Asker(name="uid:7(erika)", person="uid:7", roles=frozenset({Role.OPERATOR}))
TOKEN = api.TokenCreate(name="personnel", scopes=(Scope.CLOSE,), hours=1, owner="root")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as built:
        yield built


async def data(service: ControlService, request: api.Request, asker: Asker) -> dict[str, Any]:
    async for line in service.answer(request, asker):
        if isinstance(line, api.Answer):
            assert isinstance(line.data, dict)
            return line.data
    raise AssertionError("no answer")


def audited(place: Town) -> list[dict[str, Any]]:
    path = place.config.ledger.path.with_name("audit.jsonl")
    return [json.loads(raw) for raw in path.read_bytes().splitlines()]


async def test_an_order_is_in_the_log_with_everything_there_is_to_say(place: Town) -> None:
    order = api.Revoke(names=(UPN,), request="r1", reason="left today")
    async with place.serving() as service:
        async for _ in service.answer(order, OPERATOR):
            pass
        await service.settle()  # the end of the case is told, and noted
        with pytest.raises(NotAllowed):
            await data(service, api.Reinstate(name=UPN, request="r2"), OPERATOR)
        verified = await data(service, api.AuditCall(what="verify"), ROOT)
        shown = await data(service, api.AuditCall(what="show", account=UPN), ROOT)
    done = next(r for r in audited(place) if r["result"] == "done")
    assert done | {"who": "uid:7(erika)", "what": "revoke", "why": "left today"} == done
    assert (done["case"], done["ledger"]["seq"]) == (1, 1)
    refused = audited(place)[-2]  # the last is that the log was shown
    assert (refused["what"], refused["result"], refused["on"]) == ("reinstate", "refused", [UPN])
    assert verified["last"] == len(audited(place)) - 1
    told = next(r for r in audited(place) if r["what"] == "news.done")
    assert [r["n"] for r in shown["records"]] == [done["n"], told["n"], refused["n"]]


async def test_a_token_counts_for_the_command_line_without_a_service_too(
    place: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.serving() as service:
        made = await data(service, TOKEN, ROOT)
    file = tmp_path / "token"
    file.write_text(made["token"])
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(file))
    with pytest.raises(EvictError, match="token:personnel may not do this"):
        await asyncio.to_thread(link.answer, place.config, api.TokenList())
    monkeypatch.delenv(VARIABLE)
    listed = await asyncio.to_thread(link.answer, place.config, api.TokenList())
    assert isinstance(listed, dict)
    assert listed["tokens"][0]["last_used"] is not None
    assert not issubclass(CommandFailed, NotAllowed)


async def test_while_the_log_cannot_be_written_people_are_closed_and_nothing_is_handed_out(
    place: Town,
) -> None:
    config = place.config
    audit = structs.replace(config.audit, file=config.ledger.path.parent / "no-folder" / "a.jsonl")
    place.config = structs.replace(config, audit=audit)
    async with place.serving() as service:
        with pytest.raises(AuditNotWritten):
            await data(service, TOKEN, ROOT)
        assert (await data(service, api.TokenList(), ROOT))["tokens"] == []
        await place.revoke(service)
        assert service._parts.ledger.head.seq == 1
        with pytest.raises(AuditNotWritten):
            async for _ in service.answer(api.Reinstate(name=UPN, request="b1"), ROOT):
                pass
        assert service._parts.ledger.head.seq == 1
        findings = audit_findings(service.audit)
    assert [f.code for f in findings] == ["audit-not-written"]
    assert "No such file" in findings[0].text


def test_two_approvers_that_nobody_could_be_are_a_finding() -> None:
    alone = AccessSection(approvers=("root", "@no-such-group"))
    (finding,) = approver_findings(alone, 2)
    assert (finding.code, finding.severity) == ("approvers-missing", Severity.ERROR)
    assert "2 different people must approve, and 1 may" in finding.text
    assert approver_findings(alone, 1) == []
    assert approver_findings(AccessSection(approvers=("daemon",)), 2) == []
    assert approver_findings(AccessSection(approvers=("@daemon",)), 2) == []


def test_names_that_are_nobodys_are_findings() -> None:
    (finding,) = access_findings(
        AccessSection(operators=("@no-such-group", "root"), approvers=("root",))
    )
    assert finding.text == "access.operators: not on this host: @no-such-group"
