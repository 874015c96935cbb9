# SPDX-License-Identifier: Apache-2.0
"""Who a request says it is from: its Authorization and Cookie headers, read strictly.

What two readers may read in two ways is refused: the server behind must never see another name
than the one that was decided about.
"""

from __future__ import annotations

import base64
import binascii
import re
from enum import Enum, auto
from typing import Final

_UNSEEN: Final = frozenset({b"ntlm", b"negotiate"})
"""They sign in a connection, encrypted against whoever is in front."""
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_ROUGH: Final = re.compile(rb"%|\\|//|/\.|;|[^\x21-\x7e]")


class Scheme(Enum):
    NONE = auto()
    BASIC = auto()
    UNSEEN = auto()
    """NTLM or Negotiate: the name cannot be read."""
    REFUSED = auto()
    """Not readable, or nothing that is known."""


def authorization(value: bytes | None) -> tuple[Scheme, bytes]:
    """Scheme, and of Basic the name as sent. Spec: RFC 7617 section 2."""
    if value is None:
        return Scheme.NONE, b""
    scheme, _, rest = value.partition(b" ")
    kind = scheme.lower()
    if kind in _UNSEEN:
        return Scheme.UNSEEN, b""
    token = rest.strip(b" ")
    if kind != b"basic" or not _BASE64.fullmatch(token):
        return Scheme.REFUSED, b""
    try:
        name, colon, _ = base64.b64decode(token, validate=True).partition(b":")
    except binascii.Error:
        return Scheme.REFUSED, b""
    return (Scheme.BASIC, name) if colon and name else (Scheme.REFUSED, b"")


class CookieReader:
    """Finds one cookie by name, in any case, as ASP.NET does."""

    def __init__(self, name: str) -> None:
        self._name = name.lower().encode("ascii")
        letters = re.escape(self._name)
        self._anywhere = re.compile(rb"(?<![\w-])" + letters + rb"\s*=", re.IGNORECASE)

    def find(self, header: bytes | None) -> tuple[bool, bytes | None]:
        """Whether the header is fit, and the cookie's value; None where it is not there.

        Unfit is one that holds the name more than once, be it inside another cookie's value.
        """
        if header is None:
            return True, None
        found = None
        for part in header.split(b";"):
            name, equals, value = part.strip().partition(b"=")
            if equals and name.strip().lower() == self._name:
                if found is not None:
                    return False, None
                found = value.strip()
        if len(self._anywhere.findall(header)) != (found is not None):
            return False, None
        return True, found or None


def is_open(uri: bytes, prefixes: tuple[bytes, ...]) -> bool:
    """Whether the path needs no identity: the login page itself.

    Only a path that nobody can read in another way counts: without escapes, dots, doubled
    slashes.
    """
    path = uri.partition(b"?")[0].lower()
    return path.startswith(prefixes) and not _ROUGH.search(path)
