# SPDX-License-Identifier: Apache-2.0
"""OWA's cookies.

From 2013 on a cookie is self-contained: it holds the credentials, every server with the same
certificate takes it, and each request signs in again with them (published reading of HttpProxy's
FbaModule). Before, a server keeps the session and ends it when it rested too long.
"""

from __future__ import annotations

from msgspec import Struct


class OwaCookie(Struct, frozen=True, kw_only=True):
    """What the wire encrypts into `cadata`, or before 2013 the id of a session at one server.

    Attributes:
        password: "" in the server-side form.
        expires: instant after which it is not taken; the server-side form keeps its own.
        session: id of the server's session, for versions before 2013.
    """

    name: str
    password: str
    private: bool
    issued: float
    expires: float
    session: str = ""
    server: str = ""

    def __repr__(self) -> str:
        return f"OwaCookie(name={self.name!r}, expires={self.expires})"


class ServerSession(Struct):
    """Of a version before 2013: kept by the server, with the credentials."""

    name: str
    password: str
    used: float
    timeout_s: float

    def __repr__(self) -> str:
        return f"ServerSession(name={self.name!r}, used={self.used})"

    def lives(self, now: float) -> bool:
        return now < self.used + self.timeout_s
