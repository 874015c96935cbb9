# SPDX-License-Identifier: Apache-2.0
"""A folder that is selected: message numbers, and what changed since the client was told.

Spec: RFC 3501 sections 2.3.1.2 (message numbers), 7.3 and 7.4 (EXISTS, EXPUNGE, FETCH).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.mail import uids
from evict.lab.mail.imap_fetch import Given, flags_text
from evict.lab.mail.imap_search import Highest, Place
from evict.lab.model.mailbox import Mailbox

_NO_FLAGS: Final[frozenset[str]] = frozenset()


class View:
    """What one connection knows of one folder."""

    def __init__(self, box: Mailbox, folder: str, *, read_only: bool) -> None:
        self.box = box
        self.folder = folder
        self.read_only = read_only
        self.uids = uids.folder_of(box, folder)
        self._known: list[int] = []
        self._told: dict[int, frozenset[str]] = {}
        self._revision = -1
        self._here: dict[int, Given] = {}
        self._read()
        self._known = list(self._here)
        self._told = {uid: given.flags for uid, given in self._here.items()}

    def _read(self) -> None:
        if self._revision == self.box.revision:
            return
        listed = self.uids.listed(self.box.messages.get(self.folder, []))
        self._here = {
            uid: Given(uid=uid, message=message, flags=self.uids.flags_of(uid, message))
            for uid, message in listed
        }
        self._revision = self.box.revision

    @property
    def exists(self) -> int:
        return len(self._known)

    @property
    def first_unseen(self) -> int | None:
        return next((p.number for p in self.places() if uids.SEEN not in p.given.flags), None)

    @property
    def highest(self) -> Highest:
        return Highest(self.exists, self._known[-1] if self._known else 0)

    def places(self) -> Iterator[Place]:
        """Messages that are still there, by number."""
        self._read()
        for number, uid in enumerate(self._known, 1):
            given = self._here.get(uid)
            if given is not None:
                yield Place(number, given)

    def set_flags(self, place: Place, flags: frozenset[str]) -> None:
        uids.set_flags(self.box, self.folder, place.given.uid, place.given.message, flags)

    def now(self, place: Place) -> Place:
        """The same message with its flags of now; the client is told of them."""
        self._read()
        given = self._here.get(place.given.uid, place.given)
        self._told[given.uid] = given.flags
        return Place(place.number, given)

    def news(self, *, expunges: bool) -> list[bytes]:
        """Untagged data of what changed.

        Args:
            expunges: numbers may change now (not in an answer to FETCH, STORE or SEARCH).
        """
        self._read()
        lines: list[bytes] = []
        if expunges:
            for number in range(len(self._known), 0, -1):
                uid = self._known[number - 1]
                if uid not in self._here:
                    del self._known[number - 1]
                    self._told.pop(uid, None)
                    lines.append(b"* %d EXPUNGE\r\n" % number)
        fresh = [uid for uid in self._here if uid not in self._told]
        if fresh:
            self._known += fresh
            self._told.update((uid, self._here[uid].flags) for uid in fresh)
            lines.append(b"* %d EXISTS\r\n" % len(self._known))
        lines += self._flag_news()
        return lines

    def _flag_news(self) -> Iterator[bytes]:
        for number, uid in enumerate(self._known, 1):
            given = self._here.get(uid)
            if given is not None and self._told.get(uid, _NO_FLAGS) != given.flags:
                self._told[uid] = given.flags
                yield b"* %d FETCH (FLAGS %s)\r\n" % (number, flags_text(given.flags))
