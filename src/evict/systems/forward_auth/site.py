# SPDX-License-Identifier: Apache-2.0
"""One product behind one front, as the snippets need to know it."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from evict.config.forward_auth import ForwardAuthHook
from evict.systems.forward_auth.products import Product, settle

CLAIMS: Final = (
    "X-Evict-Login",
    "X-Evict-Renewed",
    "X-Forwarded-User",
    "X-Original-URL",
    "X-Remote-User",
    "X-Rewrite-URL",
    "Remote-User",
    "x-webobjects-remote-user",
)
"""No server behind shall hear them from a client. The last is what SOGo believes where
SOGoTrustProxyAuthentication is on, X-Original-URL and X-Rewrite-URL are what IIS modules do."""


class Site(Struct, frozen=True, kw_only=True):
    """One product behind one front.

    Attributes:
        name: of its section.
        host: name by which people come.
        upstream: scheme, host and port of the server behind.
    """

    name: str
    host: str
    upstream: str
    settings: ForwardAuthHook
    product: Product

    @property
    def settled(self) -> Product:
        return settle(self.product, self.settings)

    @property
    def over_file(self) -> bool:
        """Whether the front asks over a socket file."""
        return self.settings.listen.startswith("/")

    @property
    def lends(self) -> bool:
        """Whether a connection to the server may carry one person's request after another's.

        NTLM signs in a connection, and Kerberos may (MS-N2HT 3.2.5): whoever came next on a kept
        one would be taken for whoever signed it in.
        """
        signs_in = self.product.unseen and self.settings.unidentified == "pass"
        return self.product.keeps and not signs_in

    @property
    def word(self) -> str:
        """Its name as it can stand in a variable."""
        return re.sub(r"[^0-9a-z]", "_", self.name.lower())


def unrouted(site: Site) -> str:
    if site.settings.login_listen:
        return ""
    return (
        "# WITHOUT login_listen the agent sees no login and knows no cookie: whoever comes with\n"
        "# one is sent to the login page each time. Set it where people sign in by a cookie.\n"
    )
