# SPDX-License-Identifier: Apache-2.0
"""Notices on a ledger of the test's own, and a receiver of webhooks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from evict.config.notify import NotifySection, WebhookNotice
from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import Notice
from evict.control.notices.notices import Notices
from evict.ledger.service import Ledger
from tests.contract.fakes import Authority

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


def section(authority: Authority, url: str) -> WebhookNotice:
    folder = authority.ca_file.parent
    return WebhookNotice(
        url=url,
        secret_file=folder / "webhook.secret",
        ca_file=authority.ca_file,
        about=("done", "held", "overdue", "reopened", "alarm"),
    )


def news(key: str, kind: NewsKind = NewsKind.ALARM, subject: str = "something") -> News:
    return News(kind=kind, key=key, subject=subject, lines=("a line", "ü"))


def notice() -> Notice:
    return Notice(id="msg_1", way="webhook", news=news("k"), at=NOW, due=NOW)


def soon(tries: int, *, dice: float, wish_s: float | None = None) -> float:
    """Pauses that a test can wait for."""
    assert 0 <= dice <= 1
    assert tries > 0
    return 0.02 if wish_s is None else wish_s


class Telling:
    """A ledger and the notices on it."""

    def __init__(self, folder: Path, chosen: NotifySection) -> None:
        self.folder = folder
        self.chosen = chosen

    async def __aenter__(self) -> Notices:
        self.ledger = await Ledger.open(self.folder / "ledger.db")
        self.notices = Notices(lambda: self.chosen, self.ledger, pause=soon)
        self.notices.start()
        return self.notices

    async def __aexit__(self, *_: object) -> None:
        await self.notices.stop()
        await self.ledger.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


def keep_secret(folder: Path) -> None:
    (folder / "webhook.secret").write_text(SECRET + "\n")
    (folder / "webhook.secret").chmod(0o600)
