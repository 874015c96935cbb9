# SPDX-License-Identifier: Apache-2.0
"""Each protection taken away: what it kept from happening happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from evict.config.notify import NotifySection
from evict.control.notices import lasting, message, outbox
from evict.control.notices import notices as module
from evict.control.notices.lasting import Heard
from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import Lasting
from tests.contract.fakes import Authority
from tests.fault.control.notices.receivers import WebReceiver, web
from tests.fault.control.notices.telling import Telling, keep_secret, news, notice, section, until

HOST = "127.167.3.3"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    keep_secret(tmp_path)
    return Authority(tmp_path)


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[WebReceiver]:
    async with web(HOST, authority.context(HOST)) as made:
        yield made


def _forgetful(said: News, _: Lasting | None, now: datetime) -> Heard:
    return lasting.hear(said, None, now)


async def test_without_a_memory_the_same_is_told_again_and_again(
    authority: Authority, receiver: WebReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "hear", _forgetful)
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        for _ in range(5):
            notices.tell(news("k"))
        await until(lambda: len(receiver.hooks) == 5)


async def test_without_a_bound_a_flood_is_a_flood(
    authority: Authority, receiver: WebReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BURST", 1_000_000)
    monkeypatch.setattr(outbox, "MOST_WAITING", 1_000_000)
    receiver.answers = ["503 Unavailable\nRetry-After: 60"]
    chosen = NotifySection(webhook=section(authority, receiver.url))
    async with Telling(tmp_path, chosen) as notices:
        for number in range(1000):
            notices.tell(news(f"case/{number}", NewsKind.DONE))
        await notices.flushed()
        assert notices.waiting >= 999


def test_without_cleaning_a_line_end_in_a_subject_gets_as_far_as_the_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There the standard library refuses it: the notice would not be told at all."""
    monkeypatch.setattr(message, "one_line", lambda words: words)
    told = notice()
    bad = News(kind=NewsKind.ALARM, key="k", subject="a\r\nBcc: mallory@evil.example")
    with pytest.raises(ValueError, match="may not contain linefeed"):
        message.mail(
            type(told)(id="msg_1", way="mail", news=bad, at=told.at, due=told.due),
            sender="e@corp.example",
            recipients=("s@corp.example",),
            host="h.example",
        )
