# SPDX-License-Identifier: Apache-2.0
"""IIS's cache of user tokens, one a server and application pool.

A token is made by a real sign-in with Basic credentials or a form, and lives for UserTokenTTL after
its *last* use (KB 3035228: "the TTL will be reset"). While it lives the password that made it is
taken, whatever the directory says; integrated sign-ins make none (KB 267568).
"""

from __future__ import annotations

import hashlib

from msgspec import Struct


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
    """Keyed by the hash of name and password: the old one's token stays beside the new one's."""

    def __init__(self, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._tokens: dict[bytes, Token] = {}

    def find(self, name: str, password: str, now: float) -> Token | None:
        """The live token of these credentials, which this use keeps alive."""
        key = _key(name, password)
        token = self._tokens.get(key)
        if token is None:
            return None
        if not token.lives(now):
            del self._tokens[key]
            return None
        token.used = now
        return token

    def add(self, name: str, password: str, sam: str, upn: str, now: float) -> Token:
        token = Token(sam=sam, upn=upn, made=now, used=now, ttl_s=self.ttl_s)
        self._tokens[_key(name, password)] = token
        return token

    def of(self, sam: str, now: float) -> list[Token]:
        """Live tokens of one account."""
        return [t for t in self._tokens.values() if t.sam == sam and t.lives(now)]

    def holders(self, now: float) -> set[str]:
        """Everybody who holds a live token here."""
        return {t.sam for t in self._tokens.values() if t.lives(now)}

    def clear(self) -> None:
        self._tokens.clear()


def _key(name: str, password: str) -> bytes:
    text = f"{name.lower()}\0{password}".encode()
    return hashlib.blake2b(text, digest_size=16).digest()
