# SPDX-License-Identifier: Apache-2.0
"""Which account a session cookie belongs to, known by whose login it was issued at."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

LIFE_S: Final = 24 * 3600.0
"""OWA's private cookie lives 1.5 times its 8 hours (published reading of HttpProxy's FbaModule);
a cookie that outlives its binding goes back to the login page."""
MOST: Final = 200_000


class Bindings:
    """Cookie -> login name. Of a cookie only its SHA-256 is kept, in memory alone.

    An agent that starts anew knows no cookie, so everybody signs in once more.

    Args:
        most: beyond it the one that was not used for longest is forgotten.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        life_s: float = LIFE_S,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._life_s = life_s
        self._most = most
        self._clock = clock
        self._bound: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    def bind(self, cookie: bytes, login: bytes) -> None:
        key = _digest(cookie)
        self._bound[key] = (login, self._clock() + self._life_s)
        self._bound.move_to_end(key)
        while len(self._bound) > self._most:
            self._bound.popitem(last=False)

    def find(self, cookie: bytes) -> bytes | None:
        """The login name; None where nobody saw the cookie being issued, or too long ago."""
        key = _digest(cookie)
        found = self._bound.get(key)
        if found is None:
            return None
        if self._clock() >= found[1]:
            del self._bound[key]
            return None
        self._bound.move_to_end(key)
        return found[0]

    def __len__(self) -> int:
        return len(self._bound)


def _digest(cookie: bytes) -> bytes:
    return hashlib.sha256(cookie).digest()
