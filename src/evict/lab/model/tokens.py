# SPDX-License-Identifier: Apache-2.0
"""IIS's cache of user tokens, one a server and application pool.

A token is made by a real sign-in with Basic credentials or a form, and lives for UserTokenTTL after
its *last* use (KB 3035228: "the TTL will be reset"). While it lives the password that made it is
taken, whatever the directory says; integrated sign-ins make none (KB 267568).
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

_SWEEP_ABOVE: Final = 4096


class Token(Struct):
    """`ttl_s` is the setting of when it was made; 0: it never ends by itself (IIS 6)."""

    sam: str
    upn: str
    made: float
    used: float
    ttl_s: float

    def lives(self, now: float) -> bool:
        return self.ttl_s == 0 or now < self.used + self.ttl_s


class TokenCache:
    """Keyed by the hash of name and password: the old one's token stays beside the new one's.

    Dead tokens go when they are met, and all of them whenever the cache has doubled: the cost of a
    sign-in does not grow with the number of people.
    """

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._tokens: dict[bytes, Token] = {}
        self._of: dict[str, list[Token]] = {}
        self._sweep_at = _SWEEP_ABOVE

    def __len__(self) -> int:
        return len(self._tokens)

    def find(self, name: str, password: str, now: float) -> Token | None:
        """The live token of these credentials, which this use keeps alive."""
        key = _key(name, password)
        token = self._tokens.get(key)
        if token is None:
            return None
        if not token.lives(now):
            self._drop(key)
            return None
        token.used = now
        return token

    def add(self, name: str, password: str, sam: str, upn: str, now: float) -> Token:
        """A token of a sign-in that the directory agreed to."""
        if len(self._tokens) >= self._sweep_at:
            self._sweep(now)
        key = _key(name, password)
        if key in self._tokens:
            self._drop(key)
        token = Token(sam=sam, upn=upn, made=now, used=now, ttl_s=self.ttl_s)
        self._tokens[key] = token
        self._of.setdefault(sam, []).append(token)
        return token

    def of(self, sam: str, now: float) -> list[Token]:
        """Live tokens of one account."""
        return [t for t in self._of.get(sam, ()) if t.lives(now)]

    def holders(self, now: float) -> set[str]:
        """Everybody who holds a live token here."""
        return {sam for sam, held in self._of.items() if any(t.lives(now) for t in held)}

    def _drop(self, key: bytes) -> None:
        token = self._tokens.pop(key)
        left = [t for t in self._of[token.sam] if t is not token]
        if left:
            self._of[token.sam] = left
        else:
            del self._of[token.sam]

    def _sweep(self, now: float) -> None:
        for key in [key for key, token in self._tokens.items() if not token.lives(now)]:
            self._drop(key)
        self._sweep_at = max(_SWEEP_ABOVE, 2 * len(self._tokens))


def _key(name: str, password: str) -> bytes:
    text = f"{name.lower()}\0{password}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()
