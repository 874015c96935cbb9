# SPDX-License-Identifier: Apache-2.0
"""What clients do by themselves and when: enough to say what keeps a way in open.

Descriptions only; nothing is sent here.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from evict.lab.model.delays import Delays
from evict.lab.model.profile import Profile, Version
from evict.lab.model.words import How, Protocol


class Kind(StrEnum):
    POLL = "poll"
    """Asked by the client itself: keeps a token alive, renews no cookie."""
    ACT = "act"
    """Something a person did."""
    HOLD = "hold"
    """A request that the server holds open."""
    PING = "ping"
    """Keeps a context or a connection from resting too long."""


class Step(Struct, frozen=True, kw_only=True):
    """One kind of request, again and again.

    Attributes:
        every_s: after the one before; after its answer, where it is held.
        holds_s: the server holds it that long where nothing happens.
    """

    protocol: Protocol
    kind: Kind
    sign_in: How
    every_s: float
    holds_s: float = 0.0


class Habit(Struct, frozen=True, kw_only=True):
    """A client.

    Attributes:
        retry_s: it asks again that soon after it was cut, with what it has; None: a person has to.
    """

    name: str
    steps: tuple[Step, ...]
    retry_s: float | None = None


class Request(Struct, frozen=True, kw_only=True):
    """`at` in seconds of the organisation's clock."""

    at: float
    step: Step


def browser(delays: Delays) -> Habit:
    """A page of OWA kept open, and used now and then."""
    return Habit(name="browser kept open", steps=(_act(delays), _poll(delays)))


def other_browser(delays: Delays, profile: Profile) -> Habit:
    """One that is not Microsoft's: until 2007 it is given the light pages, which ask nothing.

    Source: Outlook Web Access 2007, client features: Premium needs Internet Explorer.
    """
    light = profile.version.order <= Version.V2007.order
    steps = (_act(delays),) if light else (_act(delays), _poll(delays))
    return Habit(name="a browser that is not Microsoft's", steps=steps)


def idle_browser(delays: Delays) -> Habit:
    """A page left open by somebody who went: it only asks by itself."""
    return Habit(name="browser left open", steps=(_poll(delays),))


def phone(delays: Delays, heartbeat_s: float | None = None) -> Habit:
    """Holds a Ping, and sends the next one at once; after a cut it comes back by itself."""
    holds = delays.heartbeat_default_s.value if heartbeat_s is None else heartbeat_s
    low, high = delays.heartbeat_min_s.value, delays.heartbeat_max_s.value
    step = Step(
        protocol=Protocol.ACTIVESYNC,
        kind=Kind.HOLD,
        sign_in=How.BASIC,
        every_s=0.0,
        holds_s=min(max(holds, low), high),
    )
    return Habit(name="phone", steps=(step,), retry_s=delays.phone_retry_s.value)


def outlook(delays: Delays, profile: Profile) -> Habit:
    """Keeps a MAPI context, and asks EWS for free/busy."""
    context = Step(
        protocol=Protocol.MAPI,
        kind=Kind.PING,
        sign_in=How.INTEGRATED,
        every_s=delays.outlook_ping_s.value,
    )
    services = Step(
        protocol=Protocol.EWS,
        kind=Kind.POLL,
        sign_in=How.INTEGRATED,
        every_s=delays.outlook_poll_s.value,
    )
    steps = (context, services) if profile.has("ews") else (context,)
    return Habit(name="Outlook", steps=steps, retry_s=delays.phone_retry_s.value)


def mail_program(delays: Delays, protocol: Protocol) -> Habit:
    """Looks for mail by IMAP or POP3 on the connection that it has."""
    step = Step(
        protocol=protocol, kind=Kind.PING, sign_in=How.DIRECT, every_s=delays.mail_poll_s.value
    )
    return Habit(name=f"mail program ({protocol})", steps=(step,), retry_s=step.every_s)


def requests(habit: Habit, start: float, until: float) -> Iterator[Request]:
    """What it sends from `start` on, as long as it is answered, in order of time."""
    heap = [(start, number) for number in range(len(habit.steps))]
    while heap:
        at, number = heapq.heappop(heap)
        step = habit.steps[number]
        if at >= until:
            continue
        yield Request(at=at, step=step)
        heapq.heappush(heap, (at + max(step.every_s + step.holds_s, 1.0), number))


def _act(delays: Delays) -> Step:
    return Step(
        protocol=Protocol.OWA,
        kind=Kind.ACT,
        sign_in=How.FORMS,
        every_s=delays.browser_use_s.value,
    )


def _poll(delays: Delays) -> Step:
    return Step(
        protocol=Protocol.OWA,
        kind=Kind.POLL,
        sign_in=How.FORMS,
        every_s=delays.browser_poll_s.value,
    )
