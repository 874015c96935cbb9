# SPDX-License-Identifier: Apache-2.0
"""Whose session cookies are, as far as HAProxy saw them begin. Of a cookie only its SHA-256."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from evict.systems.haproxy import files

MOST: Final = 200_000
_LINE: Final = re.compile(r"([0-9A-F]{64}) ([0-9]{1,12}) (\S.*)")


class Cookies:
    """Hash -> login, for a time; kept in a file that is added to, and written anew when it grew.

    Args:
        life_s: all of them live equally long, so the oldest expire first.
        most: beyond it the oldest are given up.
        clock: POSIX seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        life_s: int,
        most: int = MOST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._life_s = life_s
        self._most = most
        self._clock = clock
        self._known: dict[bytes, tuple[str, int]] = {}
        self._lines = 0
        self._new: list[str] = []
        self._logins: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def whose(self, digest: str) -> str | None:
        """The login; None of one that is not known."""
        found = self._known.get(bytes.fromhex(digest))
        return found[0] if found else None

    def load(self) -> int:
        """Read the file; says how many lines of it are none. Raises `OSError`."""
        odd = 0
        now = self._clock()
        try:
            with self._path.open(encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    self._lines += 1
                    seen = _LINE.fullmatch(line.rstrip("\n"))
                    if seen is None:
                        odd += 1
                    elif int(seen[2]) > now:
                        self._keep(seen[1], seen[3], int(seen[2]))
        except FileNotFoundError:
            return 0
        return odd

    def bind(self, digest: str, login: str) -> None:
        """A cookie was issued; `save` keeps it."""
        until = int(self._clock() + self._life_s)
        self._keep(digest, login, until)
        self._new.append(f"{digest} {until} {login}\n")

    def _keep(self, digest: str, login: str, until: int) -> None:
        key = bytes.fromhex(digest)
        self._known.pop(key, None)
        self._known[key] = (self._logins.setdefault(login, login), until)

    def expired(self, at_most: int) -> list[str]:
        """Hashes that are over now; they are forgotten here."""
        now = self._clock()
        over: list[bytes] = []
        for key, (_, until) in self._known.items():
            too_many = len(self._known) - len(over) > self._most
            if len(over) >= at_most or (until > now and not too_many):
                break
            over.append(key)
        for key in over:
            del self._known[key]
        return [key.hex().upper() for key in over]

    def entries(self) -> Iterator[tuple[str, str]]:
        """For the map."""
        return ((key.hex().upper(), login) for key, (login, _) in list(self._known.items()))

    def save(self) -> Callable[[], None] | None:
        """What writes down what is not written yet, for a thread; None: there is nothing.

        It raises `OSError`; what it could not write is written when all is written next.
        """
        new, self._new = self._new, []
        if self._lines + len(new) > 2 * len(self._known) + 1000:
            lines = [f"{k.hex().upper()} {u} {n}\n" for k, (n, u) in self._known.items()]
            self._lines = len(lines)
            return lambda: self._write(files.replace, lines, mode=0o600)
        if not new:
            return None
        self._lines += len(new)
        return lambda: self._write(files.append, new)

    def _write(self, how: Callable[..., None], lines: Iterable[str], **words: int) -> None:
        try:
            how(self._path, lines, **words)
        except OSError:
            self._lines = 1 << 60  # all of it is written next
            raise
