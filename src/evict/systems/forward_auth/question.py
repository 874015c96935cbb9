# SPDX-License-Identifier: Apache-2.0
"""Reads a plain question at once, and a question that was read before by its digest alone.

A question is plain where it came whole and alone, and nothing in it has two readings. All others
are the parser's, whose reading this one never differs from (a property test holds the two side by
side). Clients repeat themselves, so the same bytes come again and again, and mean the same: what
they mean is remembered, who may come in is not. Of a question only its SHA-256 is kept.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from evict.systems.forward_auth.judge import Asked, Judge, Meaning

LONGEST: Final = 16 * 1024
REMEMBERED: Final = 16_384
"""Questions; of some 400 bytes each they take 7 MB."""
_START: Final = b"GET /auth HTTP/1.1\r\n"
_LINES: Final = re.compile(
    rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t\x20-\x7e\x80-\xff]*+\r\n){1,200}+\r\n"
).fullmatch
"""Spec: RFC 9112 section 5, RFC 9110 section 5.6.2: names are tokens, nothing before the colon."""
_FOLD: Final = bytes(range(256)).lower().replace(b"_", b"-")
_NOT_PLAIN: Final = (
    b"connection",
    b"content-length",
    b"transfer-encoding",
    b"upgrade",
    b"proxy-connection",
    b"x-evict-renewed",
)


class QuestionReader:
    """One front's, shared by its connections.

    Attributes:
        known: SHA-256 of a question -> what it means.
    """

    def __init__(self, judge: Judge) -> None:
        front = judge.front
        self._understand = judge.understand
        self._places = {b"authorization": 0, b"cookie": 1, front.uri: 2}
        if front.tells_itself:
            self._places |= {front.method: 3, b"accept": 4}
        names = b"|".join((*self._places, *_NOT_PLAIN))
        self._find = re.compile(rb"\r\n(" + names + b"):").finditer
        self.known: dict[bytes, Meaning] = {}

    def learn(self, data: bytes) -> Meaning | None:
        """None: the parser's."""
        asked = self.read(data)
        if asked is None:
            return None
        meant = self._understand(asked)
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        self.known[sha256(data).digest()] = meant
        return meant

    def read(self, data: bytes) -> Asked | None:
        """None: the parser's."""
        if not data.startswith(_START) or len(data) > LONGEST or not _LINES(data, len(_START)):
            return None
        said: list[bytes | None] = [None, None, None, None, None]
        places = self._places
        for match in self._find(data.translate(_FOLD)):
            place = places.get(match[1])
            begin, end = match.span()
            if place is None or said[place] is not None or b"_" in data[begin:end]:
                return None
            said[place] = data[end : data.find(b"\r", end)].strip(b" \t")
        return Asked(said[0], said[1], said[2] or b"", said[3] or b"", said[4] or b"")
