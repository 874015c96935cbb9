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
from urllib.parse import unquote_to_bytes

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


_FOLD: Final = bytes(range(256)).lower().translate(bytes.maketrans(b".[ +", b"____"))
_INSIDE: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
"""Before it, a name is part of a longer one."""
_ENDS: Final = frozenset(b"= [\t\v\f\r\n\0")


class CookieReader:
    """Finds one cookie by name.

    The header is fit where every reader that is known finds the same one cookie in it, or none.
    Names are compared in any case (ASP.NET). Quirk: PHP 8.2 reads `.`, a space and `[` in a
    cookie's name as `_`. Quirk: SOPE of SOGo 5.8.0 decodes percent escapes in names. So whatever
    comes near the name and is not just it makes the header unfit, be it in another's value.
    """

    def __init__(self, name: str) -> None:
        self._low = name.lower().encode("ascii")
        self._folded = self._low.translate(_FOLD)

    def find(self, header: bytes | None) -> tuple[bool, bytes | None]:
        """Whether the header is fit, and the cookie's value; None where it is not there."""
        if header is None:
            return True, None
        near = self._near(header)
        if not near and b"%" not in header:
            return True, None
        found = None
        for part in header.split(b";"):
            name, equals, value = part.partition(b"=")
            if b"%" in name and self._near(unquote_to_bytes(name) + b"="):
                return False, None
            if equals and name.strip(b" \t").lower() == self._low:
                found = value
        if near != (found is not None):
            return False, None
        return True, None if found is None else found.strip(b" \t") or None

    def _near(self, text: bytes) -> int:
        """How often the name stands there, as its own or as something that is read as it."""
        folded = text.translate(_FOLD)
        count, at, length = 0, folded.find(self._folded), len(self._folded)
        while at >= 0:
            end = at + length
            alone = at == 0 or text[at - 1] not in _INSIDE
            if alone and (end == len(text) or text[end] in _ENDS):
                count += 1
            at = folded.find(self._folded, end)
        return count


def is_open(uri: bytes, targets: frozenset[bytes], beginnings: tuple[bytes, ...]) -> bool:
    """Whether the target needs no identity: the login page itself.

    Only a path that nobody can read in another way counts: without escapes, dots, doubled
    slashes.

    Args:
        targets: exactly these, query included.
        beginnings: in lower case; of paths.
    """
    if uri in targets:
        return True
    path = uri.partition(b"?")[0].lower()
    return path.startswith(beginnings) and not _ROUGH.search(path)
