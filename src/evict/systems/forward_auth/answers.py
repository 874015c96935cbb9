# SPDX-License-Identifier: Apache-2.0
"""The answerer's answers, written down once.

2xx: let through. X-Evict-Login, where it is there, is the name (percent-encoded) by which the
    front keeps the live request; without it the request is not identified. X-Evict-Nobody
    says that it is let through as nobody's: the front takes Cookie and Authorization out.
401 with X-Evict-Login-Page, or 302: the cookie is unknown, or its account is closed.
401 with WWW-Authenticate: identity is wanted (`unidentified = "refuse"`).
403: the account is closed, or who it is cannot be read in one way alone.
503: nobody may, for now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evict.systems.forward_auth.fronts import Front
from evict.systems.forward_auth.products import Product, clearing


def written(status: str, *headers: str, close: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if not status.startswith("204"):
        lines.append("Content-Length: 0")
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


_LOGIN_PAGE: Final = "X-Evict-Login-Page: 1"
_NOBODY: Final = "X-Evict-Nobody: 1"
LET_THROUGH: Final = written("204 No Content")
AS_NOBODY: Final = written("204 No Content", _NOBODY)
TO_LOGIN: Final = written("401 Unauthorized", _LOGIN_PAGE)
WHO: Final = written("401 Unauthorized", 'WWW-Authenticate: Basic realm="mail"')
REFUSE: Final = written("403 Forbidden")
NOT_NOW: Final = written("503 Service Unavailable", "Retry-After: 1")
MALFORMED: Final = written("400 Bad Request", close=True)


def let_in(name: str) -> bytes:
    """As nginx and Caddy are told."""
    return written("204 No Content", f"X-Evict-Login: {name}")


class Answers:
    """Those that differ by front and product."""

    def __init__(self, front: Front, product: Product) -> None:
        self._front = front
        self.through = written(front.accepts)
        gone = [f"Set-Cookie: {cookie}" for cookie in clearing(product)]
        if front.tells_itself:
            fresh = [*gone, "Cache-Control: no-store", _LOGIN_PAGE]
            where = f"Location: {product.login_page}"
            self.to_login = written("401 Unauthorized", *fresh)
            self.redirect = written("302 Found", where, *fresh)
        else:
            self.to_login = self.redirect = TO_LOGIN
        nobody = [_NOBODY]
        if front.removes:
            nobody.append("x-envoy-auth-headers-to-remove: cookie,authorization")
        self.nobody = written(front.accepts, *nobody)

    def let_in(self, name: str) -> bytes:
        return written(self._front.accepts, f"X-Evict-Login: {name}")

    def echoed(self, answer: bytes, headers: Sequence[tuple[str, bytes | None]]) -> bytes:
        """The answer with the client's own headers, for a front that would take them out."""
        if not self._front.echo:
            return answer
        lines = [f"\r\n{name}: ".encode() + value for name, value in headers if value]
        return answer.removesuffix(b"\r\n\r\n") + b"".join(lines) + b"\r\n\r\n"
