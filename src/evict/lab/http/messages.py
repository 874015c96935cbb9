# SPDX-License-Identifier: Apache-2.0
"""Requests, answers and the connection they belong to."""

from __future__ import annotations

import asyncio
import http
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl, unquote

_OWN_REASONS: Final = {440: "Login Timeout", 449: "Retry after sending a PROVISION command"}
_NO_BODY: Final = (204, 304)


class Headers:
    """Names are compared without regard to case; a name may come more than once."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = list(pairs)

    def get(self, name: str, default: str = "") -> str:
        """The first value, else `default`."""
        wanted = name.lower()
        return next((value for key, value in self._pairs if key.lower() == wanted), default)

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)


class Connection:
    """One client's connection. Handlers of its requests share `state`.

    Attributes:
        peer: address of the other end.
        local: address of this end.
        secure: over TLS.
        state: what handlers keep for as long as it lives, NTLM contexts for example.
        closed: set when the client is gone, or the server cut it.
    """

    def __init__(
        self,
        peer: str,
        *,
        local: str = "",
        secure: bool = False,
        abort: Callable[[], None] | None = None,
    ) -> None:
        self.peer = peer
        self.local = local
        self.secure = secure
        self.state: dict[str, object] = {}
        self.closed = asyncio.Event()
        self._abort = abort
        self._callbacks: list[Callable[[], None]] = []

    def on_close(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when it closes (at once where it has). Gives how to take that back."""
        if self.closed.is_set():
            callback()
            return lambda: None
        self._callbacks.append(callback)

        def forget() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return forget

    def abort(self) -> None:
        """Cut it without another word, as a worker process that dies does."""
        if self._abort is not None:
            self._abort()

    def set_closed(self) -> None:
        """For the server: tell everybody once."""
        if self.closed.is_set():
            return
        self.closed.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()


@dataclass(slots=True)
class Request:
    """One whole request.

    Attributes:
        target: as sent: path and query, not decoded.
        path: decoded, without the query.
    """

    method: str
    target: str
    headers: Headers
    connection: Connection
    body: bytes = field(default=b"", repr=False)
    path: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = unquote(self.target.partition("?")[0])

    @property
    def query_string(self) -> str:
        return self.target.partition("?")[2]

    @property
    def query(self) -> dict[str, str]:
        """Of parameters that come twice, the last counts."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def cookies(self) -> dict[str, str]:
        pairs = (
            part.partition("=") for line in self.headers.all("cookie") for part in line.split(";")
        )
        return {name.strip(): value.strip() for name, sep, value in pairs if sep}


@dataclass(slots=True)
class Response:
    """An answer.

    Attributes:
        close: end the connection after it.
    """

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = field(default=b"", repr=False)
    close: bool = False

    def encode(self, *, head_only: bool = False, close: bool = False, old: bool = False) -> bytes:
        """Write it down.

        Args:
            head_only: the request was HEAD: the length is said, the body is not sent.
            close: say that the connection ends.
            old: the client speaks HTTP/1.0 and must be told that the connection stays.

        Raises:
            ValueError: a header's value has a line break, or is not Latin-1.
        """
        lines = [f"HTTP/1.1 {self.status} {reason(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        if self.status not in _NO_BODY:
            lines.append(f"Content-Length: {len(self.body)}")
        if close:
            lines.append("Connection: close")
        elif old:
            lines.append("Connection: keep-alive")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a header")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        return head if head_only or self.status in _NO_BODY else head + self.body


Handler = Callable[[Request], Awaitable[Response]]


def reason(status: int) -> str:
    if status in _OWN_REASONS:
        return _OWN_REASONS[status]
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
