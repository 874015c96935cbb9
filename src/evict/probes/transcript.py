# SPDX-License-Identifier: Apache-2.0
"""The lines of a try, kept for evidence: bounded, printable, without secrets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from evict.wire.reply import readable

MAX_LINES: Final = 40
MAX_WIDTH: Final = 200
"""Characters of a line; both as `core.sighting.Sighting` promises."""


class Transcript:
    """Keeps the last `MAX_LINES` lines.

    Args:
        secrets: byte strings replaced by `***` wherever a server echoes them.
    """

    def __init__(self, secrets: Iterable[bytes] = ()) -> None:
        self._secrets = sorted((s for s in secrets if s), key=len, reverse=True)
        self._lines: deque[str] = deque(maxlen=MAX_LINES)

    def sent(self, shown: str) -> None:
        """Note what was sent, as the caller shows it: a secret never comes in here."""
        self._lines.append(f"C: {shown}"[:MAX_WIDTH])

    def received(self, line: bytes) -> None:
        self._lines.append(f"S: {self.clean(line)}"[:MAX_WIDTH])

    def note(self, text: str) -> None:
        """Something that was seen and is no line: the end of the connection."""
        self._lines.append(f"S: ({text})"[:MAX_WIDTH])

    def clean(self, raw: bytes) -> str:
        """A server's bytes as printable text, secrets replaced."""
        for secret in self._secrets:
            raw = raw.replace(secret, b"***")
        return readable(raw)

    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)
