# SPDX-License-Identifier: Apache-2.0
"""HTTP for probes: verified TLS to one address under another name, nothing followed, all bounded.

No redirect is followed and no proxy of the environment is used: what is looked at is this server.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx2
from msgspec import Struct

from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import RemoteProtocolError, Uncertain, Unreachable, Unsupported
from evict.probes.base import Login, where

MAX_BODY: Final = 1024 * 1024
"""Bytes of an answer that are read; what it means stands at its beginning."""
_ENDED: Final = ("disconnected", "closed connection")
"""What the HTTP library says of a connection that ended where an answer should have come."""


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer.

    Attributes:
        headers: names in lower case, as often as they came.
        body: at most `MAX_BODY` bytes of it.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value, "" where there is none."""
        return next((value for key, value in self.headers if key == name), "")


class _Address(httpx2.AsyncBaseTransport):
    """Connects to the endpoint's address whatever name the URL has."""

    def __init__(self, transport: httpx2.AsyncHTTPTransport, endpoint: Endpoint) -> None:
        self._transport = transport
        self._endpoint = endpoint

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        there = httpx2.Request(
            request.method,
            request.url.copy_with(host=self._endpoint.host),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await self._transport.handle_async_request(there)

    async def aclose(self) -> None:
        await self._transport.aclose()


def url(endpoint: Endpoint, path: str) -> str:
    """Under the name that the certificate carries; `client` connects to the endpoint's address.

    Raises:
        Unsupported: HTTP has no STARTTLS.
    """
    if endpoint.tls is Tls.STARTTLS:
        raise Unsupported("HTTP has no STARTTLS", system=endpoint.system)
    scheme = "https" if endpoint.tls is Tls.IMPLICIT else "http"
    name = endpoint.server_name or endpoint.host
    name = f"[{name}]" if ":" in name else name
    return f"{scheme}://{name}:{endpoint.port}{path}"


def client(endpoint: Endpoint, login: Login) -> httpx2.AsyncClient:
    """A browser's worth of state: connections that are kept, and cookies. Close it.

    Raises:
        Unreachable: the trust anchors cannot be read.
    """
    transport = httpx2.AsyncHTTPTransport(
        verify=_context(endpoint.ca_file, endpoint.system),
        trust_env=False,
        local_address=login.source,
        limits=httpx2.Limits(max_connections=4, max_keepalive_connections=4, keepalive_expiry=None),
    )
    return httpx2.AsyncClient(
        transport=_Address(transport, endpoint),
        timeout=httpx2.Timeout(login.timeout_s),
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "evict"},
    )


def basic(login: Login) -> str:
    """The value of an Authorization header (RFC 7617 section 2)."""
    text = f"{login.name}:{login.password.reveal()}"
    return "Basic " + base64.b64encode(text.encode()).decode("ascii")


async def fetch(
    http: httpx2.AsyncClient,
    endpoint: Endpoint,
    request: httpx2.Request,
    timeout_s: float,
) -> Answer | None:
    """Send one request and read its answer; None where the server ended the connection instead.

    Raises:
        Unreachable: no connection, or no TLS that verifies: nothing was sent.
        Uncertain: no answer in time.
        RemoteProtocolError: what came is not HTTP.
    """
    here, system = where(endpoint), endpoint.system
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(http, request)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise Unreachable(f"{here}: {_reason(error)}", system=system) from error
    except (TimeoutError, httpx2.TimeoutException):
        raise Uncertain(f"{here}: no answer in time", system=system) from None
    except (httpx2.ReadError, httpx2.WriteError, httpx2.CloseError):
        return None
    except httpx2.RemoteProtocolError as error:
        if any(words in str(error) for words in _ENDED):
            return None
        raise RemoteProtocolError(f"{here}: no HTTP: {error}", system=system) from error
    except httpx2.TransportError as error:
        raise Uncertain(f"{here}: {error}", system=system) from error


async def _exchange(http: httpx2.AsyncClient, request: httpx2.Request) -> Answer:
    response = await http.send(request, stream=True)
    body = bytearray()
    try:
        async for piece in response.aiter_raw():
            body += piece
            if len(body) >= MAX_BODY:
                break
    finally:
        await response.aclose()
    return Answer(
        status=response.status_code,
        headers=tuple((name.lower(), value) for name, value in response.headers.multi_items()),
        body=bytes(body[:MAX_BODY]),
    )


def request(  # noqa: PLR0913 - the parts of a request
    http: httpx2.AsyncClient,
    endpoint: Endpoint,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> httpx2.Request:
    """A request with this client's cookies."""
    return http.build_request(method, url(endpoint, path), headers=headers, content=body or None)


def _context(ca_file: Path | None, system: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        text = f"the trust anchors in {ca_file} cannot be read: {error.strerror or error}"
        raise Unreachable(text, system=system) from error


def _reason(error: BaseException) -> str:
    """The first of the causes that says something of its own: a certificate, else the library."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate does not verify: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    return f"no connection: {error}" if str(error) else "no connection within the time"
