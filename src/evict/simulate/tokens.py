# SPDX-License-Identifier: Apache-2.0
"""What IIS's token cache does with a row of requests, for every token lifetime at once.

A token lives until its lifetime after its last use (KB 3035228, KB 267568), so a request costs a
sign-in at the directory exactly where the gap before it is not shorter than the lifetime. Gaps do
not depend on the lifetime: they are taken once. 0 means no cache: each request signs in.

A request is one 64-bit number: whose it is above, when below, so that sorting numbers sorts
requests by holder and time. Times are whole ticks: the same in this arithmetic and in floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

TICKS: Final = 1024
"""A second."""
SHIFT: Final = 29
DAY: Final = 86400 * TICKS
MINUTES: Final = 1440
NEVER: Final = 1 << (SHIFT + 1)
"""A gap longer than any lifetime: there was no request before."""
_WHEN: Final = (1 << SHIFT) - 1


def pack(whose: Ints, when: Ints) -> Ints:
    """In order of holder and time."""
    return np.sort((whose << SHIFT) | when)


def whose(requests: Ints) -> Ints:
    return requests >> SHIFT


def when(requests: Ints) -> Ints:
    return requests & _WHEN


def ticks(lifetimes_s: Sequence[float]) -> Ints:
    """Lifetimes as ticks; they have to ascend."""
    return np.array([round(s * TICKS) for s in lifetimes_s], np.int64)


def gaps(requests: Ints, *, ring: bool) -> Ints:
    """Ticks since the same holder's request before.

    Args:
        ring: the day before was like this one: the first one's gap goes back to yesterday's last.
            Otherwise nothing was before.
    """
    if not len(requests):
        return requests
    out = np.empty_like(requests)
    np.subtract(requests[1:], requests[:-1], out=out[1:])
    first = starts(requests)
    if ring:
        last = np.append(first[1:], len(requests)) - 1
        out[first] = when(requests[first]) + DAY - when(requests[last])
    else:
        out[first] = NEVER
    return out


def starts(requests: Ints) -> NDArray[np.intp]:
    """Where each holder's requests begin."""
    who = whose(requests)
    return np.flatnonzero(np.concatenate(([True], who[1:] != who[:-1]))) if len(who) else who


def sign_ins_by_minute(requests: Ints, gap: Ints, lifetimes: Ints) -> Ints:
    """How many sign in, by lifetime and minute of the day."""
    kinds = len(lifetimes) + 1
    passed = np.searchsorted(lifetimes, gap, side="right")
    minute = when(requests) // (60 * TICKS)
    counted = np.bincount(minute * kinds + passed, minlength=MINUTES * kinds)
    by_minute = counted.reshape(MINUTES, kinds)
    # A gap that passed k lifetimes signs in for each of these k.
    return by_minute[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:].T.astype(np.int64)


def last_of_each(requests: Ints) -> Ints:
    """Each holder's last request."""
    if not len(requests):
        return requests
    last: Ints = requests[np.append(starts(requests)[1:], len(requests)) - 1]
    return last


def last_successes(requests: Ints, gap: Ints, disabled: Ints, lifetimes: Ints) -> tuple[Ints, Ints]:
    """Ticks from the disable to the last request that a token still let in.

    Every sign-in after the disable is refused, so a holder's chain ends with the first gap that is
    not shorter than the lifetime. 0 where no request after the disable was let in.

    Args:
        disabled: of each request, when its holder was disabled.

    Returns:
        By lifetime and holder, and the holders; those who asked nothing any more are left out.
    """
    late = when(requests) >= disabled
    requests, gap, since = requests[late], gap[late], (when(requests) - disabled)[late]
    if not len(requests):
        return np.zeros((len(lifetimes), 0), np.int64), requests
    first = starts(requests)
    index = np.arange(len(requests))
    ends = np.append(first[1:], len(requests))
    out = np.zeros((len(lifetimes), len(first)), np.int64)
    for number, lifetime in enumerate(lifetimes):
        refused = np.where(gap >= lifetime, index, len(requests))
        end = np.minimum(np.minimum.reduceat(refused, first), ends)
        out[number] = np.where(end > first, since[end - 1], 0)
    return out, whose(requests[first])
