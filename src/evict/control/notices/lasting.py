# SPDX-License-Identifier: Apache-2.0
"""Which news are to be told: once while a thing lasts, then once a day, and that it is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, structs

from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import Lasting

A_DAY: Final = timedelta(days=1)


class Heard(Struct, frozen=True, kw_only=True):
    """What comes of one piece of news.

    Attributes:
        news: as it is to be told; None: it was told already.
        audience: kinds: whoever is told of one of them is told of this.
        lasting: what is to be remembered of its key; None: nothing any more.
    """

    news: News | None
    audience: frozenset[NewsKind]
    lasting: Lasting | None


def hear(news: News, known: Lasting | None, now: datetime) -> Heard:
    """Decide about one piece of news by what is known of its key.

    An end is told to whoever was told of the beginning, whatever else they chose.
    """
    if news.kind is NewsKind.DONE:
        begun = frozenset() if known is None else frozenset({known.kind})
        return Heard(news=news, audience=begun | {news.kind}, lasting=None)
    audience = frozenset({news.kind})
    if known is None or not lasts(known, now):
        return Heard(news=news, audience=audience, lasting=_begun(news, now))
    if now - known.told_at < A_DAY:
        again = structs.replace(known, said_at=now, again=known.again + 1)
        return Heard(news=None, audience=audience, lasting=again)
    line = f"told again, since it lasts: heard {known.again + 1} times since {known.told_at:%F %T}"
    told = structs.replace(news, lines=(*news.lines, f"{line} UTC"))
    return Heard(news=told, audience=audience, lasting=_begun(news, now))


def lasts(known: Lasting, now: datetime) -> bool:
    """Whether it was heard so lately that the same again is the same thing.

    What is told once a day would else begin anew each time, if only its looks are a day apart.
    """
    least = timedelta(minutes=known.lasts_minutes)
    return now - known.said_at < (least if least < A_DAY else least + A_DAY)


def _begun(news: News, now: datetime) -> Lasting:
    return Lasting(
        kind=news.kind,
        account=news.account,
        told_at=now,
        said_at=now,
        lasts_minutes=news.lasts_minutes,
    )
