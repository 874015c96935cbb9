# SPDX-License-Identifier: Apache-2.0
"""Roundcube's login page, asked for as anybody: what it tells, and the session that it begins."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import httpx2
from msgspec import Struct

from evict.config.roundcube import RoundcubeSection
from evict.core.endpoint import Tls
from evict.core.errors import RemoteProtocolError, SystemFault, Unreachable
from evict.systems.roundcube.doors import endpoint
from evict.wire import roundcube
from evict.wire.reading import Says
from evict.wire.roundcube import RoundcubeEndpoint

_TIMEOUT_S: Final = 5.0
_HEADERS: Final = {"Accept-Language": "en", "User-Agent": "evict"}


class LoginPage(Struct, frozen=True, kw_only=True):
    """What it tells.

    Attributes:
        version: "1.6.5"; "" where it does not say.
        lifetime_s: session_lifetime; None where it does not say.
        sess_id: of the session that this visit has begun; "" where it has begun none.
    """

    version: str
    lifetime_s: int | None
    sess_id: str


async def visit(section: RoundcubeSection) -> LoginPage:
    """Ask once, without signing in.

    Raises:
        Unreachable: no connection, no TLS that verifies, or no answer in time.
        RemoteProtocolError: what came is not Roundcube's login page.
    """
    at = endpoint(section)
    name = f"[{at.server_name}]" if ":" in at.server_name else at.server_name
    headers = {**_HEADERS, "Host": f"{name}:{at.port}"}
    extensions = {"sni_hostname": at.server_name}
    try:
        async with asyncio.timeout(_TIMEOUT_S), _client(at) as client:
            answer = await client.get(_url(at), headers=headers, extensions=extensions)
    except TimeoutError:
        raise _unreachable(section, "no answer in time") from None
    except (httpx2.HTTPError, OSError) as error:
        raise _unreachable(section, str(error) or type(error).__name__) from error
    body = answer.content[: roundcube.MAX_PAGE]
    form = roundcube.read_form(answer.status_code, body)
    if form.says is not Says.GO_ON:
        raise RemoteProtocolError(f"{section.url}: {form.words}", system=section.name)
    return LoginPage(
        version=roundcube.version(body),
        lifetime_s=roundcube.lifetime_s(body),
        sess_id=answer.cookies.get(section.session_cookie) or "",
    )


def _client(at: RoundcubeEndpoint) -> httpx2.AsyncClient:
    context = ssl.create_default_context(cafile=at.ca_file)
    return httpx2.AsyncClient(verify=context, trust_env=False, timeout=_TIMEOUT_S)


def _url(at: RoundcubeEndpoint) -> str:
    scheme = "https" if at.tls is Tls.IMPLICIT else "http"
    host = f"[{at.host}]" if ":" in at.host else at.host
    return f"{scheme}://{host}:{at.port}{at.path}{roundcube.LOGIN}"


def _unreachable(section: RoundcubeSection, why: str) -> SystemFault:
    return Unreachable(f"{section.url}: {why}", system=section.name)
