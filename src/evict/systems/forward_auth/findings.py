# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a front: whether it asks, before every path, and refuses unasked.

The agent refuses a name with `*` in it whoever is revoked (`core.names`), and answers 403; no mail
server does so by itself. So a request with such a name shows whether the front asks.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct

from evict.config.forward_auth import ForwardAuthHook
from evict.core.exposure import Finding, Severity
from evict.systems.forward_auth.fronts import CADDY, NGINX
from evict.systems.forward_auth.products import Product, settle

TIMEOUT_S: Final = 10.0
_NO_NAME: Final = "Basic " + base64.b64encode(b"evict*doctor:x").decode("ascii")
_NO_COOKIE: Final = "evict-doctor-knows-no-cookie"
_REMEDY: Final = "paste what `evict agent snippet` prints for this front"
_TRIED: Final = (NGINX.name, CADDY.name)


class Door(Struct, frozen=True, kw_only=True):
    """Where people come in.

    Attributes:
        url: scheme, host and port.
        server_name: that the certificate must carry, where not the host's.
    """

    url: str
    ca_file: Path | None = None
    server_name: str | None = None


def settings_findings(
    name: str, settings: ForwardAuthHook, product: Product
) -> tuple[Finding, ...]:
    """What can be said without asking anybody."""
    return tuple(
        Finding(code=code, severity=Severity.WARNING, system=name, text=text, remedy=remedy)
        for code, text, remedy in _shortcomings(settings, product)
    )


def _shortcomings(settings: ForwardAuthHook, product: Product) -> Iterator[tuple[str, str, str]]:
    if settings.login_listen is None or settings.login_upstream is None:
        text = "the front does not route the login to the agent, so no cookie is identified:"
        text += " whoever comes with one is sent to the login page"
        yield "front-cookies-unknown", text, "set login_listen and login_upstream"
    if settings.runtime is None:
        text = "nothing ends a request that is under way: it lasts until it is answered, or the"
        text += " front's own limit (nginx: proxy_read_timeout between two reads)"
        yield "front-live-requests", text, "keep that limit short, or use HAProxy's hook"
    if settings.unidentified == "pass" and product.unseen:
        text = "NTLM and Kerberos pass the front unidentified; other measures close them"
        yield "front-unidentified", text, 'unidentified = "refuse" where everybody can do Basic'
    if settings.front not in _TRIED:
        text = f"the snippet for {settings.front} was never run against the real one"
        yield "front-untested", text, "see that the other findings of this front are in order"


async def examine(
    name: str, door: Door, settings: ForwardAuthHook, product: Product
) -> tuple[Finding, ...]:
    """Ask the front as a client. Never raises for what it does."""
    settled = settle(product, settings)
    findings = list(settings_findings(name, settings, product))
    try:
        async with _client(door) as client:
            open_paths = [p for p in _paths(settled) if await _status(client, p) != 403]
            cookies = await _sends_to_login(client, settled)
            login = settings.login_listen is None or await _carries(client, settled)
    except (httpx2.TransportError, OSError) as error:
        text = f"the front at {door.url} does not answer: {type(error).__name__}"
        return (*findings, _error(name, "front-unreachable", text, "see that it runs"))
    if open_paths:
        text = f"the front does not ask before {', '.join(open_paths)}"
        findings.append(_error(name, "front-path-unasked", text, _REMEDY))
    if not cookies:
        text = f"a cookie {settled.cookie} that nobody issued is let through"
        findings.append(_error(name, "front-cookie-unasked", text, _REMEDY))
    if not login:
        text = f"the login (POST {settled.login_path}) does not reach the agent"
        findings.append(_error(name, "front-login-unrouted", text, _REMEDY))
    if not open_paths and cookies and login:
        text = "the front asks before every path, for names and for cookies"
        findings.append(Finding(code="front-asks", severity=Severity.OK, system=name, text=text))
    return tuple(findings)


async def answers(door: Door, product: Product) -> bool:
    """Whether the front serves anybody now; where it does not, nothing is proven later."""
    return 0 < await _plain(door, product) < 500


async def refuses_unasked(name: str, door: Door, product: Product) -> Finding:
    """To be asked while the agent's hooks are stopped: nobody may come through."""
    status = await _plain(door, product)
    if 0 < status < 500:
        text = f"the front answers {status} at {product.prefixes[0]} while nobody answers its"
        return _error(name, "front-fails-open", f"{text} question", _REMEDY)
    text = "the front refuses while nobody answers its question"
    return Finding(code="front-fails-closed", severity=Severity.OK, system=name, text=text)


async def _plain(door: Door, product: Product) -> int:
    """Status of a request of nobody's; 0: no answer."""
    try:
        async with _client(door) as client:
            return int((await client.get(product.prefixes[0])).status_code)
    except (httpx2.TransportError, OSError):
        return 0


def _client(door: Door) -> httpx2.AsyncClient:
    host = door.server_name or urlsplit(door.url).hostname or ""
    return httpx2.AsyncClient(
        base_url=door.url,
        verify=ssl.create_default_context(cafile=door.ca_file),
        timeout=TIMEOUT_S,
        follow_redirects=False,
        trust_env=False,
        headers={"Host": host} if door.server_name else {},
    )


def _paths(product: Product) -> list[str]:
    """Each beginning, something below it, and the pages that are open to nobody."""
    below = [f"{prefix.rstrip('/')}/evict-doctor" for prefix in product.prefixes]
    opened = [path for path in product.open_paths if not path.endswith("/")]
    return list(dict.fromkeys((*product.prefixes, *below, *opened)))


async def _status(client: httpx2.AsyncClient, path: str) -> int:
    return int((await client.get(path, headers={"Authorization": _NO_NAME})).status_code)


async def _sends_to_login(client: httpx2.AsyncClient, product: Product) -> bool:
    path = f"{product.prefixes[0].rstrip('/')}/evict-doctor"
    cookie = {"Cookie": f"{product.cookie}={_NO_COOKIE}"}
    return (await client.post(path, headers=cookie)).status_code == 401


async def _carries(client: httpx2.AsyncClient, product: Product) -> bool:
    """The carrier answers a login of another media type with 415, before anybody else sees it."""
    headers = {"Content-Type": "text/x-evict-doctor"}
    return (await client.post(product.login_path, content=b"x", headers=headers)).status_code == 415


def _error(name: str, code: str, text: str, remedy: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, system=name, text=text, remedy=remedy)
