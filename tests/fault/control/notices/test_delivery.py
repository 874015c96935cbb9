# SPDX-License-Identifier: Apache-2.0
"""From `tell` to the receiver: kept, in order, once, bounded, and tried again until it arrives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from msgspec import structs

from evict.config.notify import MailNotice, NotifySection
from evict.control import api
from evict.control.notices import notices as module
from evict.control.notices.news import NewsKind
from evict.core.access import administrator
from evict.core.errors import ExitCode
from tests.contract.fakes import Authority
from tests.fault.control.notices.receivers import WebReceiver, scripted, signature_is_right, web
from tests.fault.control.notices.telling import SECRET, Telling, keep_secret, news, section, until
from tests.fault.ledger.disk import plugged_in

HOST = "127.167.3.2"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    keep_secret(tmp_path)
    return Authority(tmp_path)


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[WebReceiver]:
    async with web(HOST, authority.context(HOST)) as made:
        yield made


async def test_a_receiver_that_comes_back_gets_everything_once_in_order_with_the_same_id(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    receiver.answers = ["503 Unavailable", "500 No", "200 OK"]
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        for number in range(5):
            notices.tell(news(f"k{number}"))
            notices.tell(news(f"k{number}"))
        await until(lambda: len(receiver.hooks) == 5)
        await until(lambda: notices.waiting == 0)
    assert [hook.data["key"] for hook in receiver.hooks] == [f"k{n}" for n in range(5)]
    assert receiver.tries == 7
    assert len({hook.headers["webhook-id"] for hook in receiver.hooks}) == 5
    assert all(signature_is_right(hook, SECRET) for hook in receiver.hooks)


async def test_half_a_character_in_a_servers_answer_ends_no_notices(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        odd = structs.replace(
            news("k\ud800"), subject="rule \udcff", lines=("\ud83d", "\ud83d\ude00")
        )
        notices.tell(structs.replace(odd, account="\udfff"))
        notices.tell(news("k2", subject="ü"))
        await until(lambda: len(receiver.hooks) == 2)
    assert receiver.hooks[0].data["subject"] == "rule \\udcff"
    assert receiver.hooks[1].data["subject"] == "ü"


async def test_what_was_told_survives_a_restart_and_a_receiver_that_hangs_holds_up_nobody(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    receiver.answers = [None]
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        began = time.monotonic()
        notices.tell(news("k1"))
        assert time.monotonic() - began < 0.1
        await until(lambda: receiver.tries == 1)
        notices.tell(news("k2"))
        await notices.flushed()
        assert notices.waiting == 2
    async with Telling(tmp_path, chosen) as notices:
        await until(lambda: len(receiver.hooks) == 2)
        notices.tell(news("k1"))
        await notices.flushed()
        assert notices.waiting == 0
    assert [hook.data["key"] for hook in receiver.hooks] == ["k1", "k2"]


async def test_a_full_disk_delays_what_is_told_and_loses_nothing(
    authority: Authority, receiver: WebReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0.05)
    chosen = NotifySection(webhook=section(authority, receiver.url))
    with plugged_in() as disk:
        async with Telling(tmp_path, chosen) as notices:
            notices.tell(news("before"))
            await until(lambda: len(receiver.hooks) == 1 and notices.waiting == 0)
            disk.break_from_now_on(apsw.FullError)
            for number in range(3):
                notices.tell(news(f"k{number}"))
            await asyncio.sleep(0.2)
            assert len(receiver.hooks) == 1
            disk.mend()
            await until(lambda: len(receiver.hooks) == 4)
            await until(lambda: notices.waiting == 0)
    assert [h.data["key"] for h in receiver.hooks] == ["before", "k0", "k1", "k2"]


async def test_one_way_that_is_down_holds_up_no_other(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(3600)

    async with scripted(HOST, hang) as port:
        mail = MailNotice(
            server=f"{HOST}:{port}",
            security="none",
            sender="e@corp.example",
            recipients=("s@corp.example",),
        )
        both = NotifySection(mail=mail, webhook=section(authority, receiver.url))
        async with Telling(tmp_path, both) as notices:
            notices.tell(news("k1"))
            await until(lambda: len(receiver.hooks) == 1)
            await until(lambda: notices.waiting == 1)


async def test_a_flood_becomes_one_summary_and_an_alarm_is_not_lost_in_it(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    receiver.answers = ["503 Unavailable\nRetry-After: 1"]
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        notices.tell(news("first"))
        await until(lambda: receiver.tries == 1)
        for number in range(10_500):
            notices.tell(news(f"case/{number}", NewsKind.DONE, f"leaver {number}"))
        notices.tell(news("guard", NewsKind.ALARM, "10,000 in a minute"))
        await notices.flushed()
        assert notices.waiting < 40
        await until(lambda: len(receiver.hooks) >= 32)
        waiting = list(notices._outbox.waiting.values())
        (summary,) = [n for n in waiting if n.folded]
    keys = [hook.data["key"] for hook in receiver.hooks]
    assert "guard" in keys
    assert summary.folded == {"done": 10_000 - 30 + 1}
    assert "9971 more" in summary.news.subject
    assert len(summary.news.lines) < 50


async def test_what_cannot_be_delivered_for_three_days_is_said(
    authority: Authority,
    receiver: WebReceiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "GIVEN_UP_AFTER", timedelta(seconds=0.2))
    receiver.answers = ["500 No"] * 1000
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        notices.tell(news("k1"))
        await until(lambda: notices.status()[0]["lost"] == 1)
        await until(lambda: notices.waiting == 0)
    assert "notices.given_up" in capsys.readouterr().out
    async with Telling(tmp_path, chosen) as notices:
        await until(lambda: notices.status()[0]["lost"] == 1)
        assert notices.status()[0]["lost_why"] == "answered 500"


async def test_an_end_is_told_to_whoever_was_told_of_the_beginning(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    only = structs.replace(section(authority, receiver.url), about=("overdue",))
    async with Telling(tmp_path, NotifySection(webhook=only)) as notices:
        notices.tell(news("overdue/a/1", NewsKind.OVERDUE))
        notices.tell(news("case/b/1/1", NewsKind.DONE))
        notices.tell(news("overdue/a/1", NewsKind.DONE))
        await until(lambda: len(receiver.hooks) == 2)
        await until(lambda: notices.waiting == 0)
    assert [h.data["key"] for h in receiver.hooks] == ["overdue/a/1", "overdue/a/1"]
    assert [h.type for h in receiver.hooks] == ["evict.overdue", "evict.done"]


async def test_a_test_notice_says_what_came_of_it(
    authority: Authority, receiver: WebReceiver, tmp_path: Path
) -> None:
    receiver.answers = ["200 OK", "410 Gone"]
    asker = administrator("uid:0(root)", person="uid:0")
    async with Telling(
        tmp_path, NotifySection(webhook=section(authority, receiver.url))
    ) as notices:
        good = [line async for line in notices.answer(api.NotifyTest(), asker)]
        bad = [line async for line in notices.answer(api.NotifyTest(), asker)]
    assert good[-1] == api.End(exit_code=ExitCode.OK)
    assert bad[-1] == api.End(exit_code=ExitCode.FAILED)
    assert isinstance(bad[0], api.Answer)
    assert isinstance(bad[0].data, list)
    assert bad[0].data[0]["text"] == "answered 410"
    assert "uid:0(root)" in receiver.hooks[0].data["lines"][0]
