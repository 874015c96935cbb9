# SPDX-License-Identifier: Apache-2.0
"""Leavers: what of theirs goes on after the disable, and for how long it gets in.

Their requests come from the same clients as everybody's (`clients`); a leaver's end after the
disable where nobody and nothing sends them any more.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.random import Generator
from numpy.typing import NDArray

from evict.simulate import clients, tokens
from evict.simulate.cookies import cookies, signed_in
from evict.simulate.day import CLIENTS, over_servers
from evict.simulate.population import Population
from evict.simulate.tokens import DAY, SHIFT, TICKS, Ints

DAYS: Final = 4
"""One before, the day of the disable, one to watch, and one for lifetimes of up to a day."""
WATCHED: Final = DAY


class Exposures(Struct, frozen=True, kw_only=True):
    """Ticks from the disable to the last success; more than `WATCHED`: still open after a day.

    Attributes:
        ticks: by client, lifetime and leaver.
        holds: by client and leaver: has such a client.
    """

    ticks: Ints
    holds: NDArray[np.bool_]


class _Leavers(Struct, frozen=True, kw_only=True):
    """Who they are; arrays by leaver."""

    disabled: Ints
    keeps_using: NDArray[np.bool_]
    leaves_open: NDArray[np.bool_]
    devices_go_on: NDArray[np.bool_]


def exposures(dice: Generator, leavers: int, numbers: Population, lifetimes: Ints) -> Exposures:
    """How long each of them gets in, through each client, for each lifetime."""
    hour = 3600 * TICKS
    at = dice.uniform(numbers.disable_from_h * hour, numbers.disable_to_h * hour, leavers)
    fate = dice.random(leavers)
    uses, opens = numbers.leaver_keeps_using_share, numbers.leaver_leaves_open_share
    those = _Leavers(
        disabled=at.astype(np.int64) + DAY,
        keeps_using=fate < uses,
        leaves_open=(fate >= uses) & (fate < uses + opens),
        devices_go_on=dice.random(leavers) < numbers.leaver_devices_go_on_share,
    )
    rows = _rows(dice, those, numbers)
    watched_to = WATCHED + int(lifetimes.max(initial=0)) + 1
    ticks = np.zeros((len(CLIENTS), len(lifetimes), leavers), np.int64)
    holds = np.zeros((len(CLIENTS), leavers), np.bool_)
    for number, row in enumerate(rows):
        who, requests = row
        holds[number, who] = True
        until = those.disabled[tokens.whose(requests)] + watched_to
        requests = requests[tokens.when(requests) < until]
        ticks[number] = _last(dice, requests, those.disabled, numbers, lifetimes)
    return Exposures(ticks=ticks, holds=holds)


def _rows(dice: Generator, those: _Leavers, numbers: Population) -> list[tuple[Ints, Ints]]:
    """By client: who has it, and its requests in order."""
    count = len(those.disabled)
    web = dice.random(count)
    kept = np.flatnonzero(web < numbers.web_kept_open_share)
    beyond = numbers.web_kept_open_share + numbers.web_now_and_then_share
    seldom = np.flatnonzero((web >= numbers.web_kept_open_share) & (web < beyond))
    phone = np.flatnonzero(dice.random(count) < numbers.phone_share)
    ews = np.flatnonzero(dice.random(count) < numbers.ews_share)
    pages = _pages(dice, kept, those, numbers)
    visits = _named(clients.now_and_then(dice, len(seldom), numbers, DAYS), seldom)
    visits = _goes_on(visits, those.disabled, those.keeps_using)
    phones = clients.phones(dice, len(phone), numbers, DAYS, ring=False)
    all_day = dice.random(len(ews)) < numbers.ews_always_on_share
    polls = clients.programs(dice, len(ews), numbers, DAYS, all_day=all_day)
    return [
        (np.concatenate((kept, seldom)), np.sort(np.concatenate((pages, visits)))),
        (phone, _goes_on(_named(phones, phone), those.disabled, those.devices_go_on)),
        (ews, _goes_on(_named(polls, ews), those.disabled, those.devices_go_on)),
    ]


def _pages(dice: Generator, who: Ints, those: _Leavers, numbers: Population) -> Ints:
    """Pages that were open at the disable stay open for some; only a person keeps a cookie alive.

    Whoever knows the password signs in by the form again; a page by itself cannot: it stops when
    its cookie's time is over.
    """
    web = clients.pages(dice, len(who), numbers, DAYS)
    disabled = those.disabled[who]
    before = tokens.when(web.requests) < disabled[tokens.whose(web.requests)]
    keeps = those.keeps_using[who]
    acts = web.requests[web.acted & (before | keeps[tokens.whose(web.requests)])]
    asked = web.requests[~web.acted & before]
    poll = round(numbers.browser_poll_s * TICKS)
    last = tokens.last_of_each(asked)
    of = tokens.whose(last)
    is_open = tokens.when(last) + poll >= disabled[of]
    stays = is_open & (keeps | those.leaves_open[who])[of]
    begin, holder = last[stays] + poll, of[stays]
    end = (holder << SHIFT) + disabled[holder] + 2 * DAY
    more = clients.every(holder, begin, np.full(len(holder), poll), end)
    asked = np.sort(np.concatenate((asked, more)))
    made = cookies(acts, numbers.owa_private_timeout_s, numbers.owa_cookie_life_factor)
    return _named(np.sort(np.concatenate((acts, asked[signed_in(asked, acts, made)]))), who)


def _named(requests: Ints, who: Ints) -> Ints:
    """Holders numbered as leavers are."""
    return (who[tokens.whose(requests)] << SHIFT) | tokens.when(requests)


def _goes_on(requests: Ints, disabled: Ints, who: NDArray[np.bool_]) -> Ints:
    """Without what those who stop would have sent after the disable."""
    holder = tokens.whose(requests)
    return requests[(tokens.when(requests) < disabled[holder]) | who[holder]]


def _last(
    dice: Generator, requests: Ints, disabled: Ints, numbers: Population, lifetimes: Ints
) -> Ints:
    """By lifetime and leaver, over the servers: one that refuses does not end another's token."""
    row = over_servers(dice, requests, numbers)
    servers = 1 if row is requests else numbers.servers
    holder = tokens.whose(row) // servers
    found, who = tokens.last_successes(
        row, tokens.gaps(row, ring=False), disabled[holder], lifetimes
    )
    out = np.zeros((len(lifetimes), len(disabled)), np.int64)
    for number, values in enumerate(found):
        np.maximum.at(out[number], who // servers, values)
    return out
