# SPDX-License-Identifier: Apache-2.0
"""Stands before a real doveadm listener and kills the server in the middle of one command."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from estate.layout import DOVEADM, Layout


class DoveadmProxy:
    """One HTTP request a connection, as Dovecot 2.3 has it.

    Attributes:
        dies_at: the command at whose first arrival `die` is called instead of handing it on.
        died: whether that happened.
    """

    def __init__(self, layout: Layout, port: int) -> None:
        self._layout = layout
        self._listener = socket.create_server((layout.ip, port))
        self._threads: list[threading.Thread] = []
        self.dies_at = ""
        self.die: Callable[[], None] = lambda: None
        self.died = False

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, what: Callable[[], None]) -> None:
        thread = threading.Thread(target=what, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(lambda client=client: self._serve(client))  # type: ignore[misc]

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            request = _request(client)
            if self.dies_at and self.dies_at.encode() in request and not self.died:
                self.died = True
                self.die()
                return
            with socket.create_connection((self._layout.ip, DOVEADM)) as server:
                server.sendall(request)
                while data := server.recv(65536):
                    client.sendall(data)


def _request(client: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(client)
    head, _, body = got.partition(b"\r\n\r\n")
    size = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < size:
        body += _more(client)
    return head + b"\r\n\r\n" + body


def _more(client: socket.socket) -> bytes:
    data = client.recv(65536)
    if not data:
        raise ConnectionResetError("the client is gone")
    return data
