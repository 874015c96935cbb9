# SPDX-License-Identifier: Apache-2.0
"""OWA's cookie: what a page needs besides a token. It depends on the person, not on the lifetime.

Self-contained ones (2013 and later): they live half as long again as the setting, and what a person
does renews one that is within one setting of its end; a page that asks by itself renews nothing
(published reading of FbaModule).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from evict.simulate import tokens
from evict.simulate.tokens import TICKS, Ints


class Cookies(Struct, frozen=True, kw_only=True):
    """Of each act.

    Attributes:
        forms: the form was filled in, as there was no live cookie.
        ends: when the cookie that its holder has afterwards ends, packed.
    """

    forms: NDArray[np.bool_]
    ends: Ints


def cookies(acts: Ints, timeout_s: float, factor: float) -> Cookies:
    """Act by act, all holders side by side."""
    setting, lives = round(timeout_s * TICKS), round(timeout_s * factor * TICKS)
    forms = np.zeros(len(acts), np.bool_)
    ends = np.zeros(len(acts), np.int64)
    row = tokens.starts(acts)
    left = np.diff(row, append=len(acts))
    end = np.zeros(len(row), np.int64)
    while len(row):
        now = acts[row]
        over = now >= end
        end = np.where(over | (end - now <= setting), now + lives, end)
        forms[row], ends[row] = over, end
        goes_on = left > 1
        row, left, end = row[goes_on] + 1, left[goes_on] - 1, end[goes_on]
    return Cookies(forms=forms, ends=ends)


def signed_in(asked: Ints, acts: Ints, made: Cookies) -> NDArray[np.bool_]:
    """Of each request of a page: its holder's cookie lives."""
    last = np.searchsorted(acts, asked, side="right") - 1
    ends = np.append(made.ends, 0)[last]
    return (last >= 0) & (asked < ends)
