# SPDX-License-Identifier: Apache-2.0
"""Reads a plain question at once, and a question that was read before by its digest alone.

A question is plain where it came whole and alone, and nothing in it has two readings. All others
are the parser's, whose reading this one never differs from (a property test holds the two side by
side). Clients repeat themselves, so the same bytes come again and again, and mean the same: what
they mean is remembered, who may come in is not. Of a question only its SHA-256 is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from evict.systems.forward_auth.judge import Asked, Judge, Meaning, remember

LONGEST: Final = 16 * 1024
_START: Final = rb"GET /auth HTTP/1\.1\r\n"
_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE: Final = rb"[\t\x20-\x7e\x80-\xff]*+"
"""Spec: RFC 9112 section 5, RFC 9110 section 5.6.2: names are tokens, nothing before the colon."""
_NOT_PLAIN: Final = (
    b"connection",
    b"content-length",
    b"transfer-encoding",
    b"upgrade",
    b"proxy-connection",
    b"x-evict-renewed",
)


def _pattern(names: Sequence[bytes]) -> re.Pattern[bytes]:
    """A whole plain question: one group for the value of each of the names, in their order.

    A second line of a name, one spelled with underscores, and a line that is not plain match
    nothing.
    """
    lines = [
        _any_case(name, "-") + b":(?(%d)(?!))(%b)" % (group, _VALUE)
        for group, name in enumerate(names, start=1)
    ]
    like = b"|".join(_any_case(name, "[_-]") for name in (*names, *_NOT_PLAIN))
    lines.append(b"(?!(?:%b):)%b:%b" % (like, _TOKEN, _VALUE))
    return re.compile(_START + rb"(?:(?:%b)\r\n){1,200}\r\n" % b"|".join(lines))


def _any_case(name: bytes, hyphen: str) -> bytes:
    """Ignoring the case of the whole pattern would take twice as long."""
    letters = (hyphen if c == "-" else f"[{c}{c.upper()}]" for c in name.decode("ascii"))
    return "".join(letters).encode("ascii")


class QuestionReader:
    """One front's, shared by its connections.

    Attributes:
        known: SHA-256 of a question -> what it means.
    """

    def __init__(self, judge: Judge) -> None:
        front = judge.front
        self._understand = judge.understand
        names = [b"authorization", b"cookie", front.uri]
        if front.tells_itself:
            names += [front.method, b"accept"]
        self._match = _pattern(names).fullmatch
        self.known: dict[bytes, Meaning] = {}

    def learn(self, data: bytes, key: bytes) -> Meaning | None:
        """None: the parser's.

        Args:
            key: SHA-256 of the data.
        """
        asked = self.read(data)
        if asked is None:
            return None
        meant = self._understand(asked)
        remember(self.known, key, meant)
        return meant

    def read(self, data: bytes) -> Asked | None:
        """None: the parser's."""
        found = self._match(data) if len(data) <= LONGEST else None
        if found is None:
            return None
        authorization, cookie, *others = found.groups()
        return Asked(
            None if authorization is None else authorization.strip(b" \t"),
            None if cookie is None else cookie.strip(b" \t"),
            *[b"" if value is None else value.strip(b" \t") for value in others],
        )
