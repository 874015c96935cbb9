# SPDX-License-Identifier: Apache-2.0
"""A reverse proxy in front of the client access servers, as nginx or HAProxy stand there.

Each client connection has a connection of its own to one server, so that NTLM, which signs in a
connection, works through it. With a hook it asks before each request and keeps the names of live
ones; what the client says in a header of the hook's own is never passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from evict.lab.balancer.asker import Asker, Said, Verdict
from evict.lab.balancer.channel import HOP, Broken, Channel, Reply
from evict.lab.balancer.live import LiveRequests, RuntimeSocket
from evict.lab.balancer.servers import CONNECT_S, Servers
from evict.lab.balancer.words import HookAddress, Upstream
from evict.lab.http.auth import basic_credentials
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer

LOGIN_PAGE: Final = "/owa/auth/logon.aspx"
_CHANNEL: Final = "balancer channel"
_OURS: Final = ("x-evict-", "x-original-", "x-forwarded-")
_FOR_PEOPLE: Final = ("/owa", "/ecp")


class Balancer:
    """Listens for clients.

    Attributes:
        servers: which server is there, and who is where.
        requests: live ones that are identified.

    Args:
        hook: None: nobody is asked.
        trust: for TLS to the servers; None: in clear.
        runtime: where the runtime socket listens, path or host:port.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        hook: HookAddress | None = None,
        *,
        trust: ssl.SSLContext | None = None,
        runtime: str | None = None,
    ) -> None:
        self.servers = Servers(upstreams)
        self.requests = LiveRequests()
        self._hook = hook
        self._asker = None if hook is None else Asker(hook)
        self._trust = trust
        self._runtime = None if runtime is None else RuntimeSocket(runtime, self.requests)
        self._http = HttpServer()
        self._http.route("", self._handle)
        self._checking: asyncio.Task[None] | None = None

    @property
    def runtime(self) -> str:
        """Where the runtime socket listens."""
        return "" if self._runtime is None else self._runtime.address

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, and say on which port."""
        if self._runtime is not None:
            await self._runtime.start()
        self._checking = asyncio.create_task(self.servers.check_for_ever())
        return await self._http.start(host, port, tls)

    async def stop(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checking
        await self._http.stop(grace_s=0.2)
        if self._runtime is not None:
            await self._runtime.stop()
        if self._asker is not None:
            self._asker.close()

    # --- one request ---
    async def _handle(self, request: Request) -> Response:
        hook = self._hook
        if self._asker is None or hook is None:
            return await self._guarded(request, "")
        if hook.login_port and self._is_login(request, hook):
            return await self._carry(request, hook)
        said = await self._asker.ask(request)
        if said.verdict is not Verdict.LET_THROUGH:
            return _refusal(request, said, hook.cookie)
        response = await self._guarded(request, said.login)
        renewed = _set_cookies(response, hook.cookie)
        # A sign-in by another path must not bind its cookie to whoever the request was let in as.
        if renewed and "auth" not in request.path.lower():
            await self._asker.renewed(request, renewed)
        return response

    @staticmethod
    def _is_login(request: Request, hook: HookAddress) -> bool:
        return request.method == "POST" and request.path.lower() == hook.login_path.lower()

    async def _carry(self, request: Request, hook: HookAddress) -> Response:
        """The login goes to the answerer; without it nobody logs in."""
        try:
            channel = await Channel.open(
                hook.login_host or hook.host,
                hook.login_port,
                tls=None,
                server_name="",
                timeout_s=hook.timeout_s,
            )
        except Broken:
            return Response(503)
        try:
            reply = await channel.ask(
                request.method, hook.login_path, _forwarded(request), request.body
            )
        except Broken:
            return Response(503)
        finally:
            channel.close()
        return _response(reply)

    async def _guarded(self, request: Request, login: str) -> Response:
        """Until it is answered, the client goes, or somebody ends it."""
        task = asyncio.ensure_future(self._relay(request))

        def stop() -> None:
            task.cancel()

        def end() -> None:
            task.cancel()
            request.connection.abort()

        forget = request.connection.on_close(stop)

        try:
            with self.requests.kept(login, end):
                return await task
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if own is not None and own.cancelling():
                raise
            return Response(503, close=True)
        finally:
            forget()

    async def _relay(self, request: Request) -> Response:
        try:
            channel = await self._channel(request)
        except Broken:
            return Response(503)
        try:
            reply = await channel.ask(
                request.method, request.target, _forwarded(request), request.body
            )
        except Broken:
            channel.close()
            return Response(502, close=True)
        except BaseException:
            channel.close()
            raise
        if not channel.alive:
            request.connection.state.pop(_CHANNEL, None)
        return _response(reply)

    async def _channel(self, request: Request) -> Channel:
        """Of this client connection alone. Raises `Broken` where no server is there."""
        state = request.connection.state
        channel = state.get(_CHANNEL)
        if isinstance(channel, Channel) and channel.alive:
            return channel
        client = _client(request)
        for upstream in self.servers.choose(client):
            try:
                channel = await Channel.open(
                    upstream.host,
                    upstream.port,
                    tls=self._trust,
                    server_name=upstream.server_name,
                    timeout_s=CONNECT_S,
                )
            except Broken:
                self.servers.note_down(upstream)
                continue
            self.servers.settle(client, upstream)
            state[_CHANNEL] = channel
            request.connection.on_close(channel.close)
            return channel
        raise Broken("no server is there", sent=False)


def _client(request: Request) -> str:
    """Who stays at one server: an address, and behind it a Basic name."""
    credentials = basic_credentials(request)
    return f"{request.connection.peer} {credentials[0].lower() if credentials else ''}"


def _forwarded(request: Request) -> list[tuple[str, str]]:
    kept = [
        (name, value)
        for name, value in request.headers
        if not name.lower().startswith(_OURS) and "_" not in name and name.lower() not in HOP
    ]
    return [
        *kept,
        ("X-Forwarded-For", request.connection.peer),
        ("X-Forwarded-Proto", "https" if request.connection.secure else "http"),
    ]


def _response(reply: Reply) -> Response:
    headers = [(name, value) for name, value in reply.headers if name.lower() not in HOP]
    return Response(reply.status, headers, bytes(reply.body))


def _set_cookies(response: Response, cookie: str) -> list[str]:
    """Values that an answer sets for it."""
    values = []
    for name, value in response.headers:
        key, _, rest = value.partition(";")[0].partition("=")
        if name.lower() == "set-cookie" and key.strip().lower() == cookie.lower() and rest.strip():
            values.append(rest.strip())
    return values


_START: Final = f"{LOGIN_PAGE}?url=%2Fowa%2F&amp;reason=3"
_TO_LOGIN: Final = (
    f'<!doctype html><meta http-equiv="refresh" content="0;url={_START}">'
    f'<title>Login Timeout</title><a href="{_START}">Sign in</a>'
).encode()


def _refusal(request: Request, said: Said, cookie: str) -> Response:
    if said.verdict is Verdict.NO_ANSWER:
        return Response(503, [("Retry-After", "1")])
    if said.verdict is Verdict.WHO:
        return Response(401, [("WWW-Authenticate", said.challenge)] if said.challenge else [])
    if said.verdict is Verdict.REFUSED:
        return Response(403)
    gone = [("Set-Cookie", f"{cookie}=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT")]
    if not request.path.lower().startswith(_FOR_PEOPLE):
        return Response(401, gone)
    if request.method != "GET":
        # A browser that sent a form shows nothing of a bare 440: the page leads to the login.
        kind = ("Content-Type", "text/html; charset=utf-8")
        return Response(440, [kind, *gone], _TO_LOGIN)
    page = f"{LOGIN_PAGE}?url={quote(request.target, safe='')}&reason=0"
    return Response(302, [("Location", page), *gone])
