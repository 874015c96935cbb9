# SPDX-License-Identifier: Apache-2.0
"""When clients ask: rows of requests of many people at once.

Each function draws for `people` numbered from 0. A row covers whole days from midnight on; of one
day that stands for all it closes to a ring, so that midnight is like any other moment.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.random import Generator
from numpy.typing import NDArray

from evict.simulate.population import DAY_S, Population
from evict.simulate.tokens import DAY, SHIFT, TICKS, Ints, pack, starts, when, whose

_HOUR: Final = 3600 * TICKS


def requests_a_day(numbers: Population) -> float:
    """Of one of all people, no fewer than come in the mean: pages are open day and night here."""
    acts = DAY_S / numbers.browser_poll_s + DAY_S / numbers.browser_use_s
    return (
        numbers.web_kept_open_share * acts
        + numbers.web_now_and_then_share * numbers.web_uses_a_day
        + numbers.phone_share * (DAY_S / numbers.heartbeat_shortest_s + 2 * numbers.mails_a_day)
        + numbers.ews_share * DAY_S / (numbers.ews_poll_s * (1 - numbers.ews_poll_spread_share))
    )


class Web(Struct, frozen=True, kw_only=True):
    """Requests of pages that are kept open.

    Attributes:
        acted: of each, whether its person did something; otherwise the page asked by itself.
    """

    requests: Ints
    acted: NDArray[np.bool_]


class Windows(Struct, frozen=True, kw_only=True):
    """When computers are on, each day alike: ticks after midnight."""

    begin: Ints
    end: Ints


def windows(dice: Generator, people: int, numbers: Population) -> Windows:
    spread = numbers.work_begins_spread_h
    begin_h = numbers.work_begins_h + spread * (dice.random(people) - 0.5)
    begin = (begin_h * _HOUR).astype(np.int64)
    return Windows(begin=begin, end=begin + round(numbers.computer_on_h * _HOUR))


def happenings(
    dice: Generator, people: int, a_day: float, numbers: Population, days: int
) -> tuple[Ints, Ints]:
    """Poisson events whose rate follows the hours of the day: whose, and when."""
    count = dice.poisson(a_day * days, people)
    who = np.repeat(np.arange(people), count)
    day, part = np.divmod(dice.random(len(who)) * days, 1.0)
    weights = np.array(numbers.hour_weights)
    share = np.concatenate(([0.0], np.cumsum(weights) / weights.sum()))
    hour = np.interp(part, share, np.arange(25.0))
    at = np.minimum((hour * _HOUR).astype(np.int64), DAY - 1)
    return who, day.astype(np.int64) * DAY + at


def now_and_then(dice: Generator, people: int, numbers: Population, days: int) -> Ints:
    """Web mail without a page that asks by itself."""
    return pack(*happenings(dice, people, numbers.web_uses_a_day, numbers, days))


def phones(dice: Generator, people: int, numbers: Population, days: int, *, ring: bool) -> Ints:
    """Pings one after the other, and a Sync whenever mail comes, which ends the Ping."""
    if not people:
        return np.empty(0, np.int64)
    syncs = pack(*happenings(dice, people, numbers.mails_a_day, numbers, days))
    syncs = syncs[np.diff(syncs, prepend=-1) > 0]
    span = days * DAY
    shortest, longest = numbers.heartbeat_shortest_s, numbers.heartbeat_longest_s
    beat = np.round(dice.uniform(shortest, longest, people) * TICKS).astype(np.int64)
    phase = (dice.random(people) * beat).astype(np.int64)
    takes = round(numbers.sync_takes_s * TICKS)
    if ring and len(syncs):
        # Before the day's first mail Pings follow yesterday's last one.
        last = syncs[np.append(starts(syncs)[1:], len(syncs)) - 1]
        of = whose(last)
        phase[of] = (when(last) + takes - span) % beat[of]
    # Stretches without mail: from midnight, or from a Sync, to the next Sync or the end.
    midnight = np.arange(people) << SHIFT
    begin, is_sync = weave(midnight - 1, syncs)
    first = ~is_sync
    who = (begin + 1) >> SHIFT
    ends = np.append(begin[1:], 0)
    ends[np.append(first[1:], True)] = midnight + span
    since = np.where(first, midnight[who] + phase[who], begin + takes)
    pings = every(who, since, beat[who], ends)
    return weave(pings, syncs)[0]


def programs(
    dice: Generator, people: int, numbers: Population, days: int, *, all_day: NDArray[np.bool_]
) -> Ints:
    """Programs that ask EWS again and again: those of `all_day`, others while computers are on."""
    spread = numbers.ews_poll_spread_share
    factor = 1 + spread * (2 * dice.random(people) - 1)
    poll = np.maximum(np.round(numbers.ews_poll_s * factor * TICKS).astype(np.int64), 1)
    on = windows(dice, people, numbers)
    part = dice.random(people)
    phase = (part * poll).astype(np.int64)
    # So that the gap over midnight is no longer than others: what one day leaves over.
    over = DAY % poll
    begins = np.where(over > 0, part * over, phase).astype(np.int64)
    midnight = np.arange(people) << SHIFT
    always, office = np.flatnonzero(all_day), np.flatnonzero(~all_day)
    rows = [every(always, (midnight + begins)[always], poll[always], midnight[always] + days * DAY)]
    for day in range(days):
        today = midnight + day * DAY
        begin, end = (today + on.begin + phase)[office], (today + on.end)[office]
        rows.append(every(office, begin, poll[office], end))
    return np.sort(np.concatenate(rows))


def pages(dice: Generator, people: int, numbers: Population, days: int) -> Web:
    """Web mail kept open while a computer is on: it asks by itself, and its person acts in it.

    The first act of a day is to sign in.
    """
    on = windows(dice, people, numbers)
    poll = np.full(people, round(numbers.browser_poll_s * TICKS))
    everybody = np.arange(people)
    asked, acted = [], []
    a_day = numbers.computer_on_h * 3600 / numbers.browser_use_s
    for day in range(days):
        begin = (everybody << SHIFT) + on.begin + day * DAY
        length = on.end - on.begin
        asked.append(every(everybody, begin + poll, poll, begin + length))
        who = np.repeat(everybody, dice.poisson(a_day, people))
        acted += [begin, begin[who] + (dice.random(len(who)) * length[who]).astype(np.int64)]
    polls = asked[0] if days == 1 else np.sort(np.concatenate(asked))
    requests, acts_of = weave(polls, np.sort(np.concatenate(acted)))
    return Web(requests=requests, acted=acts_of)


def weave(many: Ints, few: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Two rows in one, both in order; and which are of the second one."""
    is_few = np.zeros(len(many) + len(few), np.bool_)
    is_few[np.searchsorted(many, few, side="right") + np.arange(len(few))] = True
    out = np.empty(len(is_few), np.int64)
    out[is_few] = few
    out[~is_few] = many
    return out, is_few


def every(who: Ints, begin: Ints, gap: Ints, end: Ints) -> Ints:
    """Requests from `begin` on, `gap` ticks apart, before `end`; all three for each of `who`.

    `begin` and `end` are packed; the outcome is in order where `who` and `begin` are.
    """
    count = np.maximum((end - begin - 1) // gap + 1, 0)
    row = np.repeat(np.arange(len(who)), count)
    number = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    at: Ints = begin[row] + number * gap[row]
    return at
