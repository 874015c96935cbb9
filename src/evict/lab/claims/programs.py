# SPDX-License-Identifier: Apache-2.0
"""Of browsers and phones: what each does by itself decides how long it stays in.

At an organisation of one server: since 2013 a balancer spreads one client's requests, and a client
has to come back in time to each server to keep all its tokens.
"""

from __future__ import annotations

from typing import Final

from evict.lab.claims.seen import (
    DAY_S,
    MINUTE_S,
    QUARTER_S,
    Demonstration,
    Found,
    Seen,
    every,
    expect,
    span,
)
from evict.lab.claims.stage import LEAVER, SERVERS, Stage
from evict.lab.clients.browser import Browser
from evict.lab.clients.client import Client
from evict.lab.clients.phone import Phone
from evict.lab.model.habits import Habit, Kind, browser, other_browser
from evict.lab.model.profile import Version
from evict.lab.model.words import Pool

_HEARTBEAT_S: Final = 10 * MINUTE_S
_ONE: Final = SERVERS[:1]


def _page(stage: Stage, habit: Habit) -> Browser:
    rests_s = {step.kind: step.every_s for step in habit.steps}
    seat = stage.seat(LEAVER, habit.name)
    return Browser(seat, poll_every_s=rests_s.get(Kind.POLL), use_every_s=rests_s.get(Kind.ACT))


def _phone(stage: Stage) -> Phone:
    seat = stage.seat(LEAVER, "phone")
    return Phone(seat, heartbeat_s=_HEARTBEAT_S, retry_s=5, device_id="PHONE1")


def _stays_s(stage: Stage, client: Client) -> float | None:
    """Let it run for a day after the account was disabled; None: it was never refused."""
    client.begin()
    stage.wait(MINUTE_S)
    expect(client.tally.successes > 0, f"{client.seat.door} was not let in to begin with")
    disabled_s = stage.place.now_s
    stage.disable()
    stage.wait(DAY_S)
    first = client.tally.first_refusal_s
    return None if first is None else first - disabled_s


def other_browsers(version: Version) -> Seen:
    """The same rule for all of them; only how long each rests between two requests differs."""
    stage = Stage(version, servers=_ONE)
    delays = stage.org.delays
    poll, use = every(delays.browser_poll_s.value), every(delays.browser_use_s.value)
    other = other_browser(delays, stage.profile)
    asks = any(step.kind is Kind.POLL for step in other.steps)
    microsoft = _stays_s(stage, _page(stage, browser(delays)))
    stage = Stage(version, servers=_ONE)
    others = _stays_s(stage, _page(stage, other))
    stage = Stage(version, servers=_ONE)
    phone = _stays_s(stage, _phone(stage))
    kind = f"which asks every {poll} too" if asks else f"which asks nothing (used every {use})"
    text = (
        f"Internet Explorer's page, which asks every {poll}: {_stayed(microsoft)}; another "
        f"browser's, {kind}: {_stayed(others)}; a phone with a heartbeat of {span(_HEARTBEAT_S)}: "
        f"{_stayed(phone)}"
    )
    expect(phone is None, text)
    if others is None and microsoft is not None:
        return Seen(Found.AS_CLAIMED, text)
    shut = others is not None and others >= QUARTER_S / 2
    expect(microsoft is None and (others is None if asks else shut), text)
    return Seen(Found.OTHERWISE, text)


def _stayed(seconds: float | None) -> str:
    if seconds is None:
        return f"still let in after {span(DAY_S)}"
    return f"refused at its first request, {span(seconds)} after the account was disabled"


def phone_for_a_day(version: Version) -> Seen:
    stage = Stage(version, servers=_ONE)
    phone = _phone(stage)
    stays = _stays_s(stage, phone)
    expect(stays is None, f"refused after {span(stays)}")
    pings = phone.tally.successes
    stage.recycle(Pool.SYNC)
    cut_s = stage.place.now_s
    stage.wait(MINUTE_S)
    first = phone.tally.first_refusal_s
    expect(first is not None, "not refused after its pool was recycled")
    late = span((first or cut_s) - cut_s)
    return Seen(
        Found.AS_CLAIMED,
        f"{pings} Pings in {span(DAY_S)}, none refused; its pool recycled: refused {late} later, "
        "when it came back",
    )


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "other-browsers": other_browsers,
    "phone-for-a-day": phone_for_a_day,
}
