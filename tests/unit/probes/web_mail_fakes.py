# SPDX-License-Identifier: Apache-2.0
"""A SOGo and a Roundcube over a real socket, whose answers a test chooses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from evict.core.endpoint import Endpoint, Tls
from evict.lab.http.auth import basic_credentials
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer
from evict.wire.roundcube import RoundcubeEndpoint
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import NAME, PASSWORD
from tests.unit.wire.test_dav import BOOK, HOME, ME, multistatus
from tests.unit.wire.test_roundcube import LOGIN_PAGE, told
from tests.unit.wire.test_sogo import BROWSERS_LOGIN, DATE

HOST = "127.97.9.1"
COOKIE = "c00kie-that-signs-in"
TOKEN = "t0ken-of-the-session"
DEAD = b'{"action":"keep-alive","exec":"this.session_error(\\"/roundcube/?_task=login\\");\\n"}'
JSON = ("Content-Type", "application/json")
HTML = ("Content-Type", "text/html")


class FakeWebMail:
    """Both web mails with one person: `alice@corp.test` and `PASSWORD`.

    Attributes:
        alive: sessions live.
        published: names below /SOGo/dav/public/<name>/ that anybody gets.
        instead: method and path, in lower case -> answer in place of the honest one.
        cut: as `instead`; a connection is cut once each, before an answer.
        seen: (method, path) of every request.
    """

    def __init__(self) -> None:
        self.alive = True
        self.published: set[str] = set()
        self.instead: dict[str, Response] = {}
        self.cut: list[str] = []
        self.seen: list[tuple[str, str]] = []
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        path = request.path.lower()
        self.seen.append((request.method, path))
        self.requests.append(request)
        what = f"{request.method} {path}"
        if what in self.cut:
            self.cut.remove(what)
            request.connection.abort()
            return Response(200)
        if what in self.instead:
            return self.instead[what]
        if path.startswith("/roundcube/"):
            return self._roundcube(request)
        if path.startswith("/sogo/dav/"):
            return self._dav(request, path)
        return self._sogo(request, path)

    def _sogo(self, request: Request, path: str) -> Response:
        if path == "/sogo/connect":
            return _connect(request)
        if request.cookies().get("0xHIGHFLYxSOGo") != COOKIE or not self.alive:
            return Response(200, [HTML], BROWSERS_LOGIN)
        if path == "/sogo/":
            home = f"https://{request.headers.get('Host')}/SOGo/alice"
            return Response(302, [("Location", home)])
        if path == "/sogo/so/alice/logoff":
            self.alive = False
            return Response(302, [("Location", "/SOGo/so/")])
        if request.headers.get("X-XSRF-TOKEN") != "xsrf-1":
            return Response(500, [], b"the called object returned no result")
        return Response(200, [JSON], DATE)

    def _roundcube(self, request: Request) -> Response:
        task = request.query.get("_task")
        signed_in = request.cookies().get("roundcube_sessid") == COOKIE and self.alive
        if task == "login" and request.method == "GET":
            return Response(
                200, [HTML, ("Set-Cookie", "roundcube_sessid=anon; path=/")], LOGIN_PAGE
            )
        if task == "login":
            form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
            if form["_token"] not in LOGIN_PAGE.decode():
                return Response(401, [HTML], told("Invalid request! No data was saved."))
            if form["_pass"] != PASSWORD:
                return Response(401, [HTML], told("Login failed."))
            cookie = ("Set-Cookie", f"roundcube_sessid={COOKIE}; path=/; secure")
            return Response(302, [cookie, ("Location", f"/roundcube/?_task=mail&_token={TOKEN}")])
        if task == "logout":
            self.alive = request.headers.get("X-Roundcube-Request") != TOKEN
            return Response(200, [HTML], LOGIN_PAGE)
        alive = b'{"action":"keep-alive","exec":""}'
        return Response(200, [JSON], alive if signed_in else DEAD)

    def _dav(self, request: Request, path: str) -> Response:
        if path.startswith("/sogo/dav/public/alice@corp.test/"):
            if path.rpartition("/alice@corp.test/")[2] in self.published:
                return Response(200)
            books = [BOOK] if "contacts" in self.published and "contacts" in path else []
            if request.method == "PROPFIND":
                return Response(207, [("Content-Type", "text/xml")], multistatus(HOME, *books))
            return Response(404, [], b"object not found")
        if basic_credentials(request) != ("alice@corp.test", PASSWORD) or not self.alive:
            return Response(401, [("WWW-Authenticate", 'Basic realm="SOGo"')], b"Unauthorized")
        return Response(207, [("Content-Type", "text/xml")], multistatus(ME))

    @asynccontextmanager
    async def listening(self, protocol: str, authority: Authority) -> AsyncIterator[Endpoint]:
        server = HttpServer()
        server.route("", self)
        port = await server.start(HOST, 0, authority.good)
        endpoint = RoundcubeEndpoint(
            system="webmail",
            protocol=protocol,
            host=HOST,
            port=port,
            tls=Tls.IMPLICIT,
            server_name=NAME,
            ca_file=authority.ca_file,
            path="/roundcube/",
        )
        try:
            yield endpoint
        finally:
            await server.stop(grace_s=0.1)


def _connect(request: Request) -> Response:
    if json.loads(request.body)["password"] != PASSWORD:
        return Response(403, [JSON], b'{"LDAPPasswordPolicyError":65535}')
    cookies = [
        ("Set-Cookie", f"0xHIGHFLYxSOGo={COOKIE}; path=/SOGo/; secure"),
        ("Set-Cookie", "XSRF-TOKEN=xsrf-1; path=/SOGo/"),
    ]
    return Response(200, [JSON, *cookies], b'{"cn":"alice","expire":-1,"grace":-1}')
