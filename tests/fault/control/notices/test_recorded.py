# SPDX-License-Identifier: Apache-2.0
"""What is told stands in the audit log, and so at syslog, whoever else is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evict.control.notices.news import News, NewsKind
from evict.control.service import ControlService
from tests.fault.control.town import town

LATE = News(
    kind=NewsKind.OVERDUE,
    key="overdue/id-1/1",
    subject="bob@corp.test: 1 door is open past the promise",
    lines=("imap: open",),
    account="id-1",
)


async def lines(service: ControlService, folder: Path) -> list[dict[str, Any]]:
    await service.notices.flushed()
    file = folder / "audit.jsonl"
    return [json.loads(raw) for raw in file.read_bytes().splitlines()] if file.exists() else []


async def test_a_door_past_its_promise_is_noted_once_while_it_lasts(tmp_path: Path) -> None:
    async with town(tmp_path, "127.62.1.4") as place, place.serving() as service:
        for _ in range(3):
            service._parts.tell(LATE)
        (line,) = await lines(service, tmp_path)
        assert (line["what"], line["result"], line["on"]) == ("news.overdue", "failed", ["id-1"])
        assert line["detail"] == "bob@corp.test: 1 door is open past the promise; imap: open"
        service._parts.tell(News(kind=NewsKind.DONE, key=LATE.key, subject="shut", account="id-1"))
        assert [one["what"] for one in await lines(service, tmp_path)] == [
            "news.overdue",
            "news.done",
        ]


async def test_the_end_of_a_case_is_noted_with_its_doors(tmp_path: Path) -> None:
    async with town(tmp_path, "127.62.1.5") as place, place.serving() as service:
        await place.revoke(service)
        await service.settle()
        (end,) = [one for one in await lines(service, tmp_path) if one["what"] == "news.done"]
        assert end["result"] == "done"
        assert "imap" in end["detail"]


async def test_notices_go_on_where_one_cannot_be_noted(tmp_path: Path) -> None:
    async with town(tmp_path, "127.62.1.6") as place, place.serving() as service:
        (tmp_path / "audit.jsonl").mkdir()
        service._parts.tell(LATE)
        await service.notices.flushed()
        assert service.audit.trouble
        (tmp_path / "audit.jsonl").rmdir()
        service._parts.tell(News(kind=NewsKind.DONE, key=LATE.key, subject="shut", account="id-1"))
        assert [one["what"] for one in await lines(service, tmp_path)] == [
            "audit.missed",
            "news.done",
        ]
