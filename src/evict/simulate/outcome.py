# SPDX-License-Identifier: Apache-2.0
"""What a simulation says. Everything here is modelled, nothing was measured."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evict.simulate.tokens import TICKS

WATCHED_S: Final = 86400.0


class Exposure(Struct, frozen=True, kw_only=True):
    """From the disable to the last success, seconds; where it is a day, at least a day.

    Attributes:
        still_open_share: of leavers, who get in after a day.
        none_share: whom the directory's disable shut out at once.
        mean_s: of what was watched, a day at most.
    """

    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float
    mean_s: float
    still_open_share: float
    none_share: float


class Point(Struct, frozen=True, kw_only=True):
    """One token lifetime.

    Attributes:
        exposure: over all leavers who have a client that a token lets in, the longest of theirs.
        by_client: of those who have that client.
        sign_ins_per_s: of clients whose sign-in a token saves, at the directory, over the day.
        sign_ins_peak_per_s: in the busiest minute.
        sign_ins_by_client_per_s: over the day.
        prompts_a_day: of sign-ins of any kind that waited too long.
        busiest_share: of the slots of all servers, sign-ins of any kind in the busiest minute.
        prompts_begin_at_s: how long the directory may take for a sign-in until the busiest minute
            fills all slots, from where on prompts are a matter of time; None: nobody signs in.
        open_hours_a_year: mean exposure times leavers a year.
    """

    lifetime_s: float
    exposure: Exposure
    by_client: dict[str, Exposure]
    sign_ins_per_s: float
    sign_ins_peak_per_s: float
    sign_ins_by_client_per_s: dict[str, float]
    prompts_a_day: float
    busiest_share: float
    prompts_begin_at_s: float | None
    open_hours_a_year: float


class Always(Struct, frozen=True, kw_only=True):
    """What does not depend on the lifetime.

    Attributes:
        direct_per_s: sign-ins of IMAP and POP3.
        integrated_per_s: those of Outlook, which make no token.
        forms_a_day: login forms shown because a cookie's time was over.
        affected_share: of leavers, who have a client that a token lets in.
    """

    servers: int
    requests_a_day: int
    direct_per_s: float
    integrated_per_s: float
    forms_a_day: float
    leavers_a_year: float
    affected_share: float


class EvictPoint(Struct, frozen=True, kw_only=True):
    """Evict with a hook at the front, in this model: the lifetime stays as it is.

    Attributes:
        exposure_s: the first request after the order is refused, whatever token there is.
        added_sign_ins_per_s: a refusal asks no directory.
        unseen: ways in that pass no such hook; Evict ends them by other measures.
    """

    lifetime_s: float
    exposure_s: float
    sign_ins_per_s: float
    sign_ins_peak_per_s: float
    added_sign_ins_per_s: float
    prompts_a_day: float
    unseen: tuple[str, ...]


class Outcome(Struct, frozen=True, kw_only=True):
    """A whole simulation."""

    kind: str
    people: int
    seed: int
    leavers_drawn: int
    points: tuple[Point, ...]
    always: Always
    evict: EvictPoint


def exposure(ticks: NDArray[np.int64]) -> Exposure:
    """Of one lifetime; nought everywhere where nobody is."""
    seconds = ticks / TICKS
    watched = np.minimum(seconds, WATCHED_S)
    if not len(watched):
        watched = seconds = np.zeros(1)
    p50, p95, p99 = np.quantile(watched, [0.5, 0.95, 0.99], method="inverted_cdf")
    return Exposure(
        p50_s=round(float(p50), 3),
        p95_s=round(float(p95), 3),
        p99_s=round(float(p99), 3),
        max_s=round(float(watched.max()), 3),
        mean_s=round(float(watched.mean()), 3),
        still_open_share=round(float((seconds > WATCHED_S).mean()), 6),
        none_share=round(float((seconds == 0).mean()), 6),
    )
