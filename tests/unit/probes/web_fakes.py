# SPDX-License-Identifier: Apache-2.0
"""A web mail server over a real socket whose answers a test chooses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evict.core.endpoint import Endpoint, Tls
from evict.lab.http.auth import basic_credentials
from evict.lab.http.messages import Request, Response
from evict.lab.http.server import HttpServer
from tests.unit.probes.conftest import Authority
from tests.unit.probes.fakes import NAME, PASSWORD

HOST = "127.81.9.1"
COOKIE = "c00kie-that-signs-in"
INBOX = b"<html><body><h1>Inbox</h1><p>You don't have permission: disabled</p></body></html>"
LOGIN_PAGE = (
    b"<html><form action='/owa/auth.owa' method=POST><input name=username>"
    b"<input name=password type=password></form></html>"
)
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
    ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body>'
    "<m:GetFolderResponse><m:ResponseMessages><m:GetFolderResponseMessage>{}"
    "</m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>"
    "</s:Body></s:Envelope>"
)
FOLDER = ENVELOPE.format(
    '<m:ResponseCode>NoError</m:ResponseCode><m:Folders><t:Folder><t:FolderId Id="x"/></t:Folder>'
    "</m:Folders>"
)


def found(code: str = "NoError") -> bytes:
    message = {"ResponseCode": code, "ResponseClass": "Success"}
    return json.dumps({"Body": {"ResponseMessages": {"Items": [message]}}}).encode()


def page(body: bytes, status: int = 200, *headers: tuple[str, str]) -> Response:
    return Response(status, [("Content-Type", "text/html"), *headers], body)


def sent_to(location: str, *headers: tuple[str, str]) -> Response:
    return Response(302, [("Location", location), *headers])


class FakeWeb:
    """An Exchange with one mailbox: `name` and `PASSWORD`.

    Attributes:
        instead: path in lower case -> answer in place of the honest one.
        cut: paths whose connection is cut once each, before an answer.
        hang: paths that never answer.
        seen: (method, path) of every request.
    """

    def __init__(self) -> None:
        self.instead: dict[str, Response] = {}
        self.cut: list[str] = []
        self.hang: set[str] = set()
        self.seen: list[tuple[str, str]] = []
        self.requests: list[Request] = []
        self.contexts: set[str] = set()
        self.peers: set[str] = set()

    async def __call__(self, request: Request) -> Response:
        path = request.path.lower()
        self.seen.append((request.method, path))
        self.requests.append(request)
        self.peers.add(request.connection.peer)
        if path in self.hang:
            await request.connection.closed.wait()
        if path in self.cut:
            self.cut.remove(path)
            request.connection.abort()
            return Response(200)
        if path in self.instead:
            return self.instead[path]
        return self._honest(request, path)

    def _honest(self, request: Request, path: str) -> Response:
        if path.startswith("/owa/"):
            return self._owa(request, path)
        credentials = basic_credentials(request)
        if credentials is None or credentials[1] != PASSWORD:
            return Response(401, [("WWW-Authenticate", 'Basic realm="x"')])
        if path.startswith("/ews/"):
            return Response(200, [("Content-Type", "text/xml")], FOLDER.encode())
        return self._mapi(request)

    def _owa(self, request: Request, path: str) -> Response:
        if path == "/owa/auth.owa":
            if f"password={PASSWORD}" not in request.body.decode():
                return sent_to("/owa/auth/logon.aspx?url=x&reason=2")
            return sent_to("/owa/", ("Set-Cookie", f"cadata={COOKIE}; path=/; HttpOnly; Secure"))
        if request.cookies().get("cadata") != COOKIE:
            return sent_to("/owa/auth/logon.aspx?url=x&reason=0")
        if path == "/owa/service.svc":
            return Response(200, [("Content-Type", "application/json")], found())
        return page(INBOX, 200, ("Set-Cookie", "X-OWA-CANARY=canary-1; path=/"))

    def _mapi(self, request: Request) -> Response:
        kind = request.headers.get("X-RequestType")
        code, body, extra = 0, b"PROCESSING\r\nDONE\r\nX-ElapsedTime: 1\r\n\r\n", []
        if kind == "Connect":
            context = f"context-{len(self.contexts)}"
            self.contexts.add(context)
            extra = [("Set-Cookie", f"MapiContext={context}; path=/mapi")]
            body += bytes(16)
        elif request.cookies().get("MapiContext") not in self.contexts:
            code = 10
        elif kind == "Disconnect":
            self.contexts.discard(request.cookies()["MapiContext"])
        headers = [("Content-Type", "application/mapi-http"), ("X-ResponseCode", str(code))]
        return Response(200, headers + extra, body)

    @asynccontextmanager
    async def listening(self, protocol: str, authority: Authority) -> AsyncIterator[Endpoint]:
        server = HttpServer()
        server.route("", self)
        port = await server.start(HOST, 0, authority.good)
        try:
            yield Endpoint(
                system="exchange",
                protocol=protocol,
                host=HOST,
                port=port,
                tls=Tls.IMPLICIT,
                server_name=NAME,
                ca_file=authority.ca_file,
            )
        finally:
            await server.stop(grace_s=0.1)


async def until_asked(web: FakeWeb, path: str) -> None:
    async with asyncio.timeout(5):
        while all(seen != path for _, seen in web.seen):
            await asyncio.sleep(0.005)
