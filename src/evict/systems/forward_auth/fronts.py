# SPDX-License-Identifier: Apache-2.0
"""What each front sends with its question, and what it makes of the answer.

Tried: nginx 1.22.1, Caddy 2.6.2. Read only: Traefik's forwardAuth (pkg/middlewares/auth/forward.go)
and Envoy's HTTP ext_authz service (raw_http_authz_impl.cc).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Front(Struct, frozen=True, kw_only=True):
    """One kind of front.

    Attributes:
        uri: header, in lower case, in which the front itself says what was asked for; b"": the
            target of the question has it, behind a prefix.
        method: the same of the method; b"": the question has it, or it does not matter.
        tells_itself: a refusal reaches the client as it is, so it has to lead to the login.
        accepts: status by which it lets through.
        echo: takes a client's Cookie and Authorization out unless the answer has them too.
        removes: the answer may name headers that it takes out.
    """

    name: str
    uri: bytes
    method: bytes
    tells_itself: bool
    accepts: str = "204 No Content"
    echo: bool = False
    removes: bool = False


NGINX: Final = Front(name="nginx", uri=b"x-original-uri", method=b"", tells_itself=False)
"""Its configuration sets the header, in place of a client's. Of a refusal it passes on the
status and WWW-Authenticate alone (ngx_http_auth_request_module)."""

CADDY: Final = Front(
    name="caddy", uri=b"x-forwarded-uri", method=b"x-forwarded-method", tells_itself=True
)
"""Copies every header of the client but the two, which it sets in their place."""

TRAEFIK: Final = Front(
    name="traefik",
    uri=b"x-forwarded-uri",
    method=b"x-forwarded-method",
    tells_itself=True,
    echo=True,
)
"""Sets both in place of a client's unless trustForwardHeader is on."""

ENVOY: Final = Front(
    name="envoy", uri=b"", method=b"", tells_itself=True, accepts="200 OK", removes=True
)
"""Puts path_prefix before the path, keeps the method; nothing but 200 lets through."""

FRONTS: Final = {front.name: front for front in (NGINX, CADDY, TRAEFIK, ENVOY)}
