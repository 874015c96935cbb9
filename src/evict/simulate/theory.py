# SPDX-License-Identifier: Apache-2.0
"""What renewal theory says of one token, in closed form: the simulation is held to it.

Requests of a Poisson process of rate `rate` (a second) keep alive a token that lives `ttl_s` after
its last use. Its life is the busy period of a queue M/D/infinity: customers are requests, each
"served" for `ttl_s`. A request signs in where it finds nobody.

The exposure is the time from a random instant to the last request let in, where no sign-in succeeds
any more: nought unless the request before that instant and the first one after it are closer than
the lifetime; from then on gaps shorter than the lifetime, as many as come in a row.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sign_in_rate(rate: float, ttl_s: float) -> float:
    """Sign-ins a second: requests whose gap before them is not shorter than the lifetime."""
    return rate * math.exp(-rate * ttl_s)


def alive(rate: float, ttl_s: float) -> float:
    """How likely a token lives at a random instant."""
    return -math.expm1(-rate * ttl_s)


def mean_life_s(rate: float, ttl_s: float) -> float:
    """From the sign-in that made it to its end: the mean busy period."""
    return math.expm1(rate * ttl_s) / rate


def no_exposure(rate: float, ttl_s: float) -> float:
    """How likely no request after the instant is let in: two gaps' worth is too long."""
    x = rate * ttl_s
    return math.exp(-x) * (1 + x)


def mean_exposure_s(rate: float, ttl_s: float) -> float:
    """To the first request after the instant, and from it as long as gaps are short.

    The chain from one request on lasts a whole life less the rest that ends it.
    """
    x = rate * ttl_s
    to_first = (1 - math.exp(-x) * (1 + x + x * x / 2)) / rate
    chain = mean_life_s(rate, ttl_s) - ttl_s
    return to_first + (1 - no_exposure(rate, ttl_s)) * chain


def exposure_above(
    rate: float, ttl_s: float, until_s: float, steps: int = 200
) -> tuple[Floats, Floats]:
    """How likely the exposure is above each of many times: the renewal equation, solved in steps.

    C is how long the chain goes on after a request let in. Its first gap g either ends it (g is not
    shorter than the lifetime), or is longer than x, or leaves C - g above x - g:
    P(C > x) = integral over g < ttl of f(g) * (1 where g > x, else P(C > x - g)).

    Args:
        steps: a lifetime, of the trapezoid rule; its error falls with their square.
    """
    step = ttl_s / steps
    count = math.ceil(until_s / step) + 1
    at: Floats = np.arange(count, dtype=np.float64) * step
    gap: Floats = np.arange(steps + 1, dtype=np.float64) * step
    density = rate * np.exp(-rate * gap)
    first = density * -np.expm1(-rate * (ttl_s - gap))
    chain = np.zeros(count)
    whole = np.zeros(count)
    for k in range(count):
        reach = min(k, steps)
        back = chain[k - reach : k + 1][::-1]
        beyond = max(math.exp(-rate * at[k]) - math.exp(-rate * ttl_s), 0.0)
        known = _trapezoid(density[1 : reach + 1], back[1:], step) if reach else 0.0
        edge = density[0] * step / 2 if reach else 0.0
        chain[k] = (beyond + known) / (1 - edge)
        back = chain[k - reach : k + 1][::-1]
        whole[k] = _first_beyond(rate, ttl_s, at[k])
        if reach:
            ends = (first[0] * back[0] + first[reach] * back[reach]) / 2
            whole[k] += step * (float(first[1:reach] @ back[1:reach]) + ends)
    return at, whole


def _trapezoid(weights: Floats, values: Floats, step: float) -> float:
    """All but the left end, which holds what is asked for."""
    return step * (float(weights @ values) - float(weights[-1] * values[-1]) / 2)


def _first_beyond(rate: float, ttl_s: float, x: float) -> float:
    """The first request after the instant is let in, and later than `x`."""
    if x >= ttl_s:
        return 0.0
    late = math.exp(-rate * x) - math.exp(-rate * ttl_s)
    return late - rate * (ttl_s - x) * math.exp(-rate * ttl_s)


def over_servers(above: Floats, servers: int) -> Floats:
    """The longest of `servers` independent exposures: each server has its own token."""
    return 1 - (1 - above) ** servers


def poller_never_ends(gap_s: float, ttl_s: float) -> bool:
    """A client that asks every `gap_s`: for ever where that is sooner than the lifetime ends.

    Otherwise each request signs in, and its exposure is nought.
    """
    return gap_s < ttl_s


def bound(samples: int, alpha: float) -> float:
    """How far a sample's distribution lies from the true one at most, but for `alpha` (DKW)."""
    return math.sqrt(math.log(2 / alpha) / (2 * samples))


def bound_of_two(first: int, second: int, alpha: float) -> float:
    """The same for two samples of one distribution: each within its own bound, half of `alpha`."""
    return bound(first, alpha / 2) + bound(second, alpha / 2)


def distance(first: Floats, second: Floats) -> float:
    """Kolmogorov and Smirnov's: the widest gap between two samples' distributions."""
    at = np.concatenate((first, second))
    one = np.searchsorted(np.sort(first), at, side="right") / len(first)
    two = np.searchsorted(np.sort(second), at, side="right") / len(second)
    return float(np.abs(one - two).max())
