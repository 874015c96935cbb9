# SPDX-License-Identifier: Apache-2.0
"""Carries logins to the server, and learns whose cookie it issues.

The front routes the login here. A closed account gets no further; everybody else's login goes to
the server as it is, and the cookie that comes back is bound to the name that logged in.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx2
import structlog
from msgspec import Struct

from evict.core.errors import ConfigError
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.credentials import CookieReader
from evict.systems.forward_auth.form import Login, read_login, refusal
from evict.systems.forward_auth.login import LoginRequest, Rejected, answer, issued
from evict.systems.forward_auth.names import Decide, may_enter
from evict.systems.forward_auth.products import OWA, Product

MAX_ANSWER: Final = 1024 * 1024
MOST_AT_ONCE: Final = 256
REQUEST_TIMEOUT_S: Final = 10.0
UPSTREAM_TIMEOUT_S: Final = 30.0

log = structlog.get_logger()


class Address(Protocol):
    """Where to listen."""

    def bind(self) -> socket.socket:
        """A bound socket. Raises `OSError`."""

    def release(self) -> None:
        """Take away what `bind` left behind."""


class Upstream(Struct, frozen=True, kw_only=True):
    """The server that issues cookies.

    Attributes:
        url: scheme, host and port.
        ca_file: trust anchors; None: the system's.
        server_name: that its certificate must carry, where not the host's.
    """

    url: str
    ca_file: Path | None = None
    server_name: str | None = None
    product: Product = OWA


class LoginCarrier:
    """A hook (`start`, `stop`): between the two nobody logs in by the form.

    Each login has a connection of its own. Quirk: SOGo 5.8.0 resets kept ones now and then.

    Args:
        look: takes what the feed has brought by now; called before anybody is decided about.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        name: str,
        address: Address,
        upstream: Upstream,
        *,
        decide: Decide,
        bindings: Bindings,
        look: Callable[[], None],
    ) -> None:
        self._name = name
        self._address = address
        self._upstream = upstream
        self._decide = decide
        self._bindings = bindings
        self._look = look
        self._server: asyncio.Server | None = None
        self._client: httpx2.AsyncClient | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self._name

    async def start(self) -> None:
        """Listen. Raises `ConfigError` where that, or reading the trust anchors, does not work."""
        try:
            context = ssl.create_default_context(cafile=self._upstream.ca_file)
        except OSError as error:
            text = f"{self._name}: the trust anchors in {self._upstream.ca_file} cannot be read"
            raise ConfigError(text) from error
        try:
            sock = self._address.bind()
        except OSError as error:
            text = f"{self._name}: cannot listen on {self._address}: {error.strerror}"
            raise ConfigError(text) from error
        self._client = httpx2.AsyncClient(
            verify=context,
            timeout=UPSTREAM_TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            limits=httpx2.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=0),
        )
        self._server = await asyncio.start_server(self._accept, sock=sock)

    async def stop(self) -> None:
        """Stop listening; logins that are under way get no answer."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
        self._address.release()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MOST_AT_ONCE:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await self._answer(reader))
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        request = LoginRequest()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                while not request.done:
                    data = await reader.read(16 * 1024)
                    if not data:
                        return b""
                    request.feed(data)
            login = read_login(request, self._upstream.product)
        except Rejected as rejected:
            return answer(rejected.status)
        except TimeoutError:
            return answer("408 Request Timeout")
        return self._refusal(login) or await self._carry(request, login)

    def _refusal(self, login: Login) -> bytes | None:
        self._look()
        verdicts = [may_enter(self._decide, name) for name in login.names]
        if None in verdicts:
            return answer("503 Service Unavailable", [("Retry-After", "1")])
        return None if all(verdicts) else refusal(self._upstream.product, login.destination)

    async def _carry(self, request: LoginRequest, login: Login) -> bytes:
        product = self._upstream.product
        try:
            async with asyncio.timeout(UPSTREAM_TIMEOUT_S):
                status, headers, body = await self._ask(request, login)
        except (httpx2.TransportError, httpx2.InvalidURL, TimeoutError) as error:
            log.warning("forward_auth.no_upstream", hook=self._name, reason=type(error).__name__)
            return answer("503 Service Unavailable", [("Retry-After", "1")])
        if (refused := self._refusal(login)) is not None:
            return refused
        if status.startswith(f"{product.signed_in} "):
            for value in issued(headers, product.cookie):
                self._bindings.bind(value.encode("latin-1", "replace"), *login.names)
        return answer(status, headers, body)

    async def _ask(
        self, request: LoginRequest, login: Login
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        if self._client is None:
            raise httpx2.ConnectError("stopped")
        name = self._upstream.server_name or urlsplit(self._upstream.url).hostname or ""
        carried = self._client.build_request(
            "POST",
            self._upstream.url + request.target,
            headers=[
                *_carried(request, self._upstream.product),
                ("accept-encoding", "identity"),
                ("content-type", login.media),
            ],
            content=login.body,
            extensions={"sni_hostname": name},
        )
        response = await self._client.send(carried, stream=True)
        body = bytearray()
        try:
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise httpx2.ReadError("the answer is too long")
        finally:
            await response.aclose()
        self._client.cookies.clear()
        status = f"{response.status_code} {response.reason_phrase}"
        return status, response.headers.multi_items(), bytes(body)


def _carried(request: LoginRequest, product: Product) -> list[tuple[str, str]]:
    """The headers that go on, without the cookies that the product takes for fields of the form."""
    headers = request.carried()
    if not product.says:
        return headers
    said = "; ".join(request.all("cookie")).encode("latin-1")
    fit, value = CookieReader(product.cookie).find(said)
    own = [("cookie", f"{product.cookie}={value.decode('latin-1')}")] if fit and value else []
    return [pair for pair in headers if pair[0] != "cookie"] + own
