# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import http.client
import select
import socket
import ssl
from typing import Final

from msgspec import Struct

from estate.clients.lines import Ended, Refused
from estate.layout import MAIL_HOST, Layout

TIMEOUT_S: Final = 30.0


class Answer(Struct, frozen=True, kw_only=True):
    status: int
    location: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Https:
    """One kept-alive connection to a front, from a source address of its own, with its cookies.

    Attributes:
        headers: sent with every request.
        cookies: name -> value, as a browser keeps them.
    """

    def __init__(self, layout: Layout, port: int, source: str) -> None:
        self._layout = layout
        self._port = port
        self._source = source
        self._context = ssl.create_default_context(cafile=str(layout.ca))
        self._connection: http.client.HTTPConnection | None = None
        self.headers: dict[str, str] = {"Host": f"{MAIL_HOST}:{port}"}
        self.cookies: dict[str, str] = {}

    def request(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> Answer:
        """Ask, and read the answer. Raises `Ended`.

        As browsers and phones do, a request on a connection that turns out to be gone is sent once
        more on a new one.
        """
        if self._connection is not None:
            try:
                self.send(method, path, body, **headers)
                return self.answer()
            except Ended:
                pass
        self.send(method, path, body, **headers)
        return self.answer()

    def send(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> None:
        """Ask, and do not wait: `answer` reads what comes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        every = {**self.headers, **({"Cookie": cookies} if cookies else {}), **named}
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request(method, path, body, every)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Ended(f"port {self._port}: {error}") from error

    def answer(self) -> Answer:
        """What came back for the request that was sent. Raises `Ended`."""
        if self._connection is None:
            raise Ended("the connection is closed")
        try:
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Ended(f"port {self._port}: {error or type(error).__name__}") from error
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        location = response.headers.get("Location") or ""
        return Answer(status=response.status, location=location, body=body)

    def waiting(self) -> bool:
        """Whether an answer has begun, or the connection ended."""
        connected = None if self._connection is None else self._connection.sock
        if connected is None:
            return True
        if isinstance(connected, ssl.SSLSocket) and connected.pending():
            return True
        return bool(select.select([connected], [], [], 0)[0])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        """`http.client` is given a socket that is connected: the name is not the address."""
        plain = socket.create_connection(
            (self._layout.ip, self._port), TIMEOUT_S, (self._source, 0)
        )
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            secured = self._context.wrap_socket(plain, server_hostname=MAIL_HOST)
        except OSError:
            plain.close()
            raise
        connection = http.client.HTTPConnection(MAIL_HOST, self._port)
        connection.sock = secured
        return connection


def expect(answer: Answer, *statuses: int) -> Answer:
    """Raises `Refused` where the answer is another one."""
    if answer.status not in statuses:
        raise Refused(f"{answer.status} {answer.location} {answer.text[:120]!r}")
    return answer
