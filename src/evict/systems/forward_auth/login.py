# SPDX-License-Identifier: Apache-2.0
"""A login on its way to the server, sans-I/O: the request, its form, the answers of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote

import httptools
from msgspec import Struct

MAX_HEAD: Final = 32 * 1024
MAX_BODY: Final = 32 * 1024
"""Bytes of a login form; a browser's takes about 200."""
MAX_FIELDS: Final = 32
_FORM: Final = "application/x-www-form-urlencoded"
_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
    }
)
_NOT_CARRIED: Final = _HOP | {"authorization", "accept-encoding"}
"""A login is by its form: whoever came with credentials of another kind shows them elsewhere."""
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Rejected(Exception):
    """No login that is carried.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class LoginRequest:
    """Bytes into one request; a connection carries one. Spec: RFC 9112.

    Attributes:
        done: it is whole.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._size = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.done = False

    def feed(self, data: bytes) -> None:
        """Raises `Rejected`."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise Rejected("400 Bad Request") from None
        if self._size > MAX_HEAD + MAX_BODY or len(self.body) > MAX_BODY:
            raise Rejected("413 Content Too Large")

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True

    @property
    def method(self) -> str:
        return str(self._parser.get_method().decode("ascii", "replace"))

    @property
    def target(self) -> str:
        return self._url.decode("latin-1")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def carried(self) -> list[tuple[str, str]]:
        """The headers that go on to the server."""
        named = {
            part.strip().lower() for value in self.all("connection") for part in value.split(",")
        }
        return [
            (name, value)
            for name, value in self.headers
            if name not in _NOT_CARRIED and name not in named
        ]


class Form(Struct, frozen=True):
    """Who logs in, as UTF-8, and where to."""

    username: bytes
    destination: str


def read_form(request: LoginRequest, login_path: str) -> Form:
    """Who the form says.

    Names of fields are compared without regard to case, as ASP.NET does, and a second name of the
    user is refused: the server may count the other.

    Raises:
        Rejected: another request, or no form that can be read in one way alone.
    """
    if request.target.lower() != login_path.lower() or request.method != "POST":
        raise Rejected("404 Not Found")
    kinds = request.all("content-type")
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != _FORM:
        raise Rejected("415 Unsupported Media Type")
    if request.all("content-encoding"):
        raise Rejected("415 Unsupported Media Type")
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one
        raise Rejected("400 Bad Request") from None
    fields = {name.strip().lower(): value for name, value in pairs}
    names = [name for name, _ in pairs if name.strip().lower() == "username"]
    if len(names) != 1 or not fields["username"]:
        raise Rejected("400 Bad Request")
    return Form(fields["username"].encode("utf-8", "surrogatepass"), fields.get("destination", ""))


def issued(headers: Iterable[tuple[str, str]], cookie: str) -> list[str]:
    """Values that an answer sets for the cookie; one that is deleted has none."""
    values = []
    for name, value in headers:
        key, equals, rest = value.partition(";")[0].partition("=")
        if name.lower() == "set-cookie" and equals and key.strip().lower() == cookie.lower():
            values.append(rest.strip())
    return [value for value in values if value]


def back_to_login(login_path: str, destination: str) -> bytes:
    """As the server answers a wrong password: the login page with reason 2 (bad credentials)."""
    folder = login_path.rpartition("/")[0]
    page = f"{folder}/auth/logon.aspx?url={quote(destination, safe='')}&reason=2"
    return answer("302 Found", [("Location", page)])


def answer(status: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Written down; headers that could not be are left out."""
    lines = [f"HTTP/1.1 {status}"]
    for name, value in headers:
        clean = _TOKEN.fullmatch(name) and not set(value) & {"\r", "\n", "\0"}
        if clean and name.lower() not in _HOP:
            lines.append(f"{name}: {value}")
    lines += [f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
