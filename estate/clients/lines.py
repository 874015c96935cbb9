# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import select
import socket
import ssl

from estate.layout import MAIL_HOST, Layout


class Ended(Exception):
    """The server ended the connection, or says that it is about to."""


class Refused(Exception):
    """The server answered no; the text is its answer."""


class Lines:
    """A blocking connection of lines that end in CRLF, from a source address of its own.

    Args:
        tls: from the first byte; else `start_tls` later.
        timeout_s: of connecting and of each answer; longer than Dovecot's longest delay of a
            refused login (15 s).
    """

    def __init__(
        self, layout: Layout, port: int, source: str, *, tls: bool, timeout_s: float = 30.0
    ) -> None:
        self._context = ssl.create_default_context(cafile=str(layout.ca))
        self._buffer = b""
        try:
            self._socket = socket.create_connection((layout.ip, port), timeout_s, (source, 0))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.start_tls()
        except OSError as error:
            raise Ended(f"port {port}: {error}") from error

    def start_tls(self) -> None:
        """Everything from here on is encrypted; what came before is forgotten (RFC 3207 4.2)."""
        self._buffer = b""
        try:
            self._socket = self._context.wrap_socket(self._socket, server_hostname=MAIL_HOST)
        except OSError:
            self._socket.close()
            raise

    def send(self, line: str) -> None:
        """Raises `Ended`."""
        try:
            self._socket.sendall(line.encode() + b"\r\n")
        except OSError as error:
            raise Ended(str(error)) from error

    def line(self) -> str:
        """The next line without its end. Raises `Ended`."""
        while b"\r\n" not in self._buffer:
            try:
                more = self._socket.recv(65536)
            except OSError as error:
                raise Ended(str(error)) from error
            if not more:
                raise Ended("end of file")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")

    def waiting(self) -> bool:
        """Whether the server has sent something (or has ended) that was not read yet."""
        if self._buffer:
            return True
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._socket.close()
