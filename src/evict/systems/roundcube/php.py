# SPDX-License-Identifier: Apache-2.0
"""Whose a stored session is: PHP's session serialisation, read as far as that, without I/O.

Lengths are followed and nothing is searched for, since a session holds what its user typed and
what mail brought. What cannot be read is nobody's, and said so.

Source: PHP 8.2, ext/session/session.c (handler "php": `key|value` again and again) and
ext/standard/var_unserializer.re (values); Roundcube 1.6.5, rcube_session_db.php (base64).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from msgspec import Struct

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 1_000_000
_NAME: Final = b"username"
_KEY: Final = re.compile(rb"[^|!]{1,128}\|")
_SCALAR: Final = re.compile(
    rb"N;|b:[01];|[irR]:[+-]?\d{1,20};|d:(?:-?INF|NAN|[+-]?[0-9.]{1,64}(?:[eE][+-]?\d{1,6})?);"
)
_LENGTH: Final = re.compile(rb"([sE]):(\d{1,10}):\"")
_ARRAY: Final = re.compile(rb"a:(\d{1,10}):\{")
_OBJECT: Final = re.compile(rb"([OC]):(\d{1,4}):\"")
_COUNT: Final = re.compile(rb"\":(\d{1,10}):\{")


class Unreadable(ValueError):
    """The text is no session that we can read."""


class Session(Struct, frozen=True, kw_only=True):
    """Attributes: `username`: None where nobody has signed in."""

    username: str | None


def read_stored(text: str) -> Session:
    """A session as its row holds it. Raises `Unreadable`."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("not base64") from error
    return read(raw)


def read(raw: bytes) -> Session:
    """A session as PHP serialises it, up to the name. Raises `Unreadable`.

    A key stands in it once, so what comes after the name is not looked at: mail lists are long.
    """
    reader = _Reader(raw)
    while not reader.at_end:
        key = reader.key()
        value = reader.value()
        if key != _NAME:
            continue
        if value is None:
            raise Unreadable("a username that is no string")
        try:
            return Session(username=value.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Unreadable("a username that is not UTF-8") from error
    return Session(username=None)


class _Reader:
    """Walks over values. A string is given, all else is only passed over."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0
        self._seen = 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._raw)

    def key(self) -> bytes:
        return self._match(_KEY, "no key").group()[:-1]

    def value(self, depth: int = 0) -> bytes | None:
        self._seen += 1
        if depth > MAX_DEPTH or self._seen > MAX_VALUES:
            raise Unreadable("too deep, or too much")
        scalar = _SCALAR.match(self._raw, self._at)
        if scalar:
            self._at = scalar.end()
            return None
        kind = self._raw[self._at : self._at + 1]
        if kind in (b"s", b"E"):
            found = self._match(_LENGTH, "no string")
            text = self._take(int(found[2]), b'";')
            return text if kind == b"s" else None
        if kind == b"a":
            self._entries(int(self._match(_ARRAY, "no array")[1]), depth)
            return None
        self._object(depth)
        return None

    def _object(self, depth: int) -> None:
        found = self._match(_OBJECT, "no value")
        self._take(int(found[2]), b"")
        count = int(self._match(_COUNT, "no object")[1])
        if found[1] == b"O":
            self._entries(count, depth)
        else:
            self._take(count, b"}")

    def _entries(self, count: int, depth: int) -> None:
        """Key and value, so often."""
        for _ in range(2 * count):
            self.value(depth + 1)
        self._take(0, b"}")

    def _take(self, length: int, after: bytes) -> bytes:
        """So many bytes, and what must stand after them."""
        start, end = self._at, self._at + length
        if end > len(self._raw) or not self._raw.startswith(after, end):
            raise Unreadable("a length that does not fit")
        self._at = end + len(after)
        return self._raw[start:end]

    def _match(self, pattern: re.Pattern[bytes], why: str) -> re.Match[bytes]:
        found = pattern.match(self._raw, self._at)
        if found is None:
            raise Unreadable(why)
        self._at = found.end()
        return found
