# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from contextlib import suppress

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


async def hook_answers(layout: Layout) -> bool:
    """Whether the hook lets somebody through; until the agent knows everything it refuses all."""
    try:
        reader, writer = await asyncio.open_connection(layout.hook, HOOK_PORT)
    except OSError:
        return False
    try:
        writer.write(b"GET /auth HTTP/1.1\r\nHost: hook\r\nX-Original-URI: /owa/auth/x\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 204")
    except ConnectionError:
        return False
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
