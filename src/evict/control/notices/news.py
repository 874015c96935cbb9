# SPDX-License-Identifier: Apache-2.0
"""What people are told without having asked."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

A_DAY: Final = 24 * 60


class NewsKind(StrEnum):
    """What [notify] can choose from."""

    DONE = "done"
    """A case came to its end; with the key of a trouble: that trouble is over."""
    HELD = "held"
    OVERDUE = "overdue"
    """A door is open past its promise."""
    REOPENED = "reopened"
    """Something of a leaver's opened again, and was closed again."""
    ALARM = "alarm"


class News(Struct, frozen=True, kw_only=True):
    """One thing to be told.

    Attributes:
        key: the same thing again has the same key: it is told once while it lasts, then once a day.
        subject: one line, without a secret.
        lines: what else there is to say.
        account: whom it is about; "" nobody.
        lasts_minutes: for how long a thing counts as lasting after it was said last.
    """

    kind: NewsKind
    key: str
    subject: str
    lines: tuple[str, ...] = ()
    account: str = ""
    lasts_minutes: int = A_DAY


def writable(news: News) -> News:
    """Half a surrogate pair, as some server's answer may have it, fits into no JSON and no mail."""
    return structs.replace(
        news,
        key=_whole(news.key),
        subject=_whole(news.subject),
        lines=tuple(map(_whole, news.lines)),
        account=_whole(news.account),
    )


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


Tell = Callable[[News], None]
"""Never waits and never fails: delivery is the receiver's matter."""
