# SPDX-License-Identifier: Apache-2.0
"""Cutting a byte stream into lines and counted octets, with limits that a hostile peer meets."""

from __future__ import annotations

from typing import Final

from evict.core.errors import RemoteProtocolError

MAX_LINE: Final = 16 * 1024
"""Octets without the line end. A SASL line has at most 12288 (RFC 4954 section 4)."""

MAX_BUFFER: Final = 256 * 1024
"""Octets that may wait unread; more than that is a flood."""


class Lines:
    """Takes bytes as they come and gives whole lines, or counted octets (a literal).

    Args:
        protocol: whose lines, for the error's text.
    """

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Whether bytes wait that nobody has read."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Raises `RemoteProtocolError` when more waits unread than `MAX_BUFFER`."""
        self._buffer += data
        if len(self._buffer) > MAX_BUFFER:
            raise RemoteProtocolError("a flood of bytes", system=self._protocol)

    def next_line(self) -> bytes | None:
        """One line without its CR LF (a bare LF ends it too), or None until it is whole.

        Raises `RemoteProtocolError` on a line longer than `MAX_LINE`.
        """
        end = self._buffer.find(b"\n", 0, MAX_LINE + 2)
        if end < 0:
            if len(self._buffer) > MAX_LINE + 1:
                raise RemoteProtocolError("a line that is too long", system=self._protocol)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def take(self, count: int) -> bytes | None:
        """Exactly `count` octets, or None until they are all there."""
        if len(self._buffer) < count:
            return None
        octets = bytes(self._buffer[:count])
        del self._buffer[:count]
        return octets


def literal_size(line: bytes, protocol: str) -> int | None:
    """Octets announced at the end of a line as `{n}` or `{n+}`, or None.

    Raises `RemoteProtocolError` where they are more than a buffer holds.

    Spec: RFC 9051 section 4.3 (literal), RFC 5804 section 1.2 (literal-s2c).
    """
    if not line.endswith(b"}"):
        return None
    digits = line[line.rfind(b"{", -24) + 1 : -1].removesuffix(b"+")
    if b"{" not in line[-24:] or not digits.isdigit():
        return None
    size = int(digits)
    if size > MAX_BUFFER // 2:
        raise RemoteProtocolError("a literal that is too long", system=protocol)
    return size
