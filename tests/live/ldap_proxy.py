# SPDX-License-Identifier: Apache-2.0
"""Stands between the product and a real domain controller, reads along, and fails when told to."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from types import TracebackType
from typing import Final, Self

from estate.layout import LDAPS, Layout

_MODIFY: Final = 0x66
_UNBIND: Final = 0x42
_FINAL: Final = (0x61, 0x65, 0x67)
"""Answers that end an operation: bind, search done, modify (RFC 4511 section 4.2 to 4.6)."""


class Act(Enum):
    """What becomes of one modify."""

    PASS = auto()
    STALL = auto()
    """It is not forwarded and never answered; the connection stays."""
    HALF = auto()
    """It is done, and half the answer comes before the connection ends."""
    DIE = auto()
    """It is done, not answered, and nobody answers any more."""


class LdapProxy:
    """TLS at both ends.

    Args:
        server: its certificate and key; the estate's own where none is given.

    Attributes:
        act: decides what becomes of the n-th modify, counted from 1.
        before, after: called with its number before it is sent on, and once it is done.
    """

    def __init__(self, layout: Layout, port: int, *, server: ssl.SSLContext | None = None) -> None:
        self._layout = layout
        self._address = (layout.ip, port)
        tls = layout.state / "tls"
        if server is None:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(tls / "estate.pem", tls / "estate.key")
        self._server = server
        self._client = ssl.create_default_context(cafile=str(layout.ca))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.modifies = 0
        self.act: Callable[[int], Act] = lambda _: Act.PASS
        self.before: Callable[[int], None] = lambda _: None
        self.after: Callable[[int], None] = lambda _: None

    @property
    def name(self) -> str:
        """As in `directory.servers`."""
        return f"{self._address[0]}:{self._address[1]}"

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        self._listener = socket.create_server(self._address)
        self._start(self._accept, self._listener)

    def revive(self) -> None:
        """Answer again, faithfully."""
        self._stop()
        self._closing.clear()
        self.modifies = 0
        self.act = lambda _: Act.PASS
        self._listen()

    def _stop(self) -> None:
        self._closing.set()
        with self._lock:
            for each in (self._listener, *self._open):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _start(self, what: Callable[[socket.socket], None], sock: socket.socket) -> None:
        thread = threading.Thread(target=what, args=(sock,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, plain)

    def _serve(self, plain: socket.socket) -> None:
        with self._lock:
            self._open.add(plain)
        try:
            with (
                suppress(OSError, EOFError),
                self._server.wrap_socket(plain, server_side=True) as client,
                socket.create_connection((self._layout.ip, LDAPS)) as raw,
                self._client.wrap_socket(raw, server_hostname=self._layout.ip) as server,
            ):
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(client)
                self._relay(client, server)
        finally:
            plain.close()
            with self._lock:
                self._open = {each for each in self._open if each.fileno() != -1}

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            request = _frame(client)
            if _operation(request) == _UNBIND:
                return
            act, number = Act.PASS, 0
            if _operation(request) == _MODIFY:
                with self._lock:
                    self.modifies += 1
                    number = self.modifies
                act = self.act(number)
                self.before(number)
            if act is Act.STALL:
                self._closing.wait()
                return
            server.sendall(request)
            answer = _frame(server)
            if number:
                self.after(number)
            if act is Act.DIE:
                self._stop()
                return
            if act is Act.HALF:
                client.sendall(answer[: len(answer) // 2])
                return
            client.sendall(answer)
            while _operation(answer) not in _FINAL:
                answer = _frame(server)
                client.sendall(answer)


def _frame(sock: socket.socket) -> bytes:
    """One BER element of definite length (RFC 4511 section 5.1)."""
    head = _exactly(sock, 2)
    size = head[1]
    if size & 0x80:
        head += _exactly(sock, size & 0x7F)
        size = int.from_bytes(head[2:], "big")
    return head + _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = sock.recv(size - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def _operation(frame: bytes) -> int:
    """The tag behind the message id (RFC 4511 section 4.1.1)."""
    start = 2 + (frame[1] & 0x7F if frame[1] & 0x80 else 0)
    return frame[start + 2 + frame[start + 1]]
