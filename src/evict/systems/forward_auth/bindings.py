# SPDX-License-Identifier: Apache-2.0
"""Which account a session cookie belongs to, known by whose login it was issued at."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from evict.systems.forward_auth.names import spelled

LIFE_S: Final = 24 * 3600.0
"""OWA's private cookie lives 1.5 times its 8 hours (published reading of HttpProxy's FbaModule);
a cookie that outlives its binding goes back to the login page."""
MOST: Final = 200_000


class Bound(Struct, frozen=True, gc=False):
    """What is known of one cookie.

    Attributes:
        logins: every name that the login may have meant; the first is the one it is known by.
        spelled: every spelling of these, all to be asked about.
        until: of the clock.
    """

    logins: tuple[bytes, ...]
    spelled: tuple[bytes, ...]
    until: float


class Bindings:
    """Cookie -> login names. Of a cookie only its SHA-256 is kept, in memory alone.

    An agent that starts anew knows no cookie, so everybody signs in once more.

    Args:
        most: beyond it the oldest is forgotten.
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
        self._bound: dict[bytes, Bound] = {}

    def bind(self, cookie: bytes, *logins: bytes) -> None:
        """Every name that the login may have meant; the first is the one it is known by."""
        key = digest(cookie)
        names = tuple(name for login in logins for name in spelled(login))
        self._bound.pop(key, None)
        self._bound[key] = Bound(logins, names, self._clock() + self._life_s)
        while len(self._bound) > self._most:
            del self._bound[next(iter(self._bound))]

    def find(self, cookie: bytes) -> tuple[bytes, ...] | None:
        """The login's names; None where nobody saw the cookie being issued, or too long ago."""
        bound = self.known(digest(cookie))
        return None if bound is None else bound.logins

    def known(self, key: bytes) -> Bound | None:
        """What is known of the cookie that has this digest."""
        bound = self._bound.get(key)
        if bound is not None and self._clock() >= bound.until:
            del self._bound[key]
            return None
        return bound

    def __len__(self) -> int:
        return len(self._bound)


def digest(cookie: bytes) -> bytes:
    return hashlib.sha256(cookie).digest()
