# SPDX-License-Identifier: Apache-2.0
"""The configuration that makes a front ask the agent, to paste.

The client's Cookie and Authorization reach the server as the agent saw them, or not at all: each
snippet hands them on itself. Whatever claims an identity in another header is taken out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evict.core.errors import ConfigError
from evict.systems.forward_auth.site import Site
from evict.systems.forward_auth.snippet_caddy import caddy
from evict.systems.forward_auth.snippet_nginx import nginx
from evict.systems.forward_auth.snippet_untested import envoy, traefik

FRONTS: Final[dict[str, Callable[[Site], str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "traefik": traefik,
    "envoy": envoy,
}


def snippet(front: str, site: Site) -> str:
    """What to paste. Raises `ConfigError` where the hook is configured for another front."""
    if site.settings.front != front:
        text = f"{site.name}: front is {site.settings.front!r} in its hook's section, not {front!r}"
        raise ConfigError(text)
    return FRONTS[front](site)
