# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.lab.balancer.balancer import Balancer
from evict.lab.balancer.words import HookAddress, Upstream
from evict.lab.certificates import Authority
from evict.lab.estate.layout import FRONT_NAME, HTTPS_PORT, Layout
from evict.lab.estate.settings import HOOK_PORT, LOGIN_PORT, cookie_of


def balancer(layout: Layout, authority: Authority, version: str, *, hook: bool) -> Balancer:
    """In front of every client access server; with the hook it asks before each request."""
    asked = None
    if hook:
        asked = HookAddress(
            host=layout.hook,
            port=HOOK_PORT,
            login_host=layout.hook,
            login_port=LOGIN_PORT,
            cookie=cookie_of(version),
        )
    upstreams = [
        Upstream(name=n, host=layout.server(n), port=HTTPS_PORT, server_name=FRONT_NAME)
        for n in layout.servers
    ]
    return Balancer(upstreams, asked, trust=authority.client_context(), runtime=str(layout.runtime))
