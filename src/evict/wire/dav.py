# SPDX-License-Identifier: Apache-2.0
"""CalDAV and CardDAV as a probe must speak them: whose session it is, and what is published.

Spec: RFC 4918 sections 9.1 and 13 (PROPFIND, 207), RFC 5397 (current-user-principal), RFC 4791
section 5.2, RFC 6352 section 5.2 (resource types). Paths as SOGo 5.8.0 has them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from msgspec import Struct

from evict.wire.reading import Reading, Says, of_status
from evict.wire.xml import XmlReader

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
MAX_DEPTH: Final = 32
_DAV: Final = "DAV:"
_KINDS: Final = frozenset(
    {"urn:ietf:params:xml:ns:caldav calendar", "urn:ietf:params:xml:ns:carddav addressbook"}
)
WHO: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop>'
    b"<d:current-user-principal/></d:prop></d:propfind>"
)
"""Asks who is signed in: nothing of a calendar."""
KINDS: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop>'
    b"<d:resourcetype/></d:prop></d:propfind>"
)
"""Asks what is there by kind, not by name."""


def home(name: str, place: str) -> str:
    """Where somebody's calendars (`Calendar`) or address books (`Contacts`) are."""
    return f"/SOGo/dav/{quote(name, safe='@')}/{place}/"


def published(name: str, place: str) -> str:
    """Where the published ones are, which nobody signs in for."""
    return f"/SOGo/dav/public/{quote(name, safe='@')}/{place}/"


class Resource(Struct, frozen=True, kw_only=True):
    """One response of a multistatus, as far as it was found (200).

    Attributes:
        kinds: `namespace name` of its resource types.
        principal: address of who is signed in; "" where it says none.
    """

    href: str
    kinds: frozenset[str]
    principal: str = ""

    @property
    def is_collection_of_entries(self) -> bool:
        """A calendar or an address book."""
        return bool(self.kinds & _KINDS)


class _Reader(XmlReader):
    def __init__(self) -> None:
        super().__init__("dav", "a multistatus", root=f"{_DAV} multistatus", depth=MAX_DEPTH)
        self.found: list[Resource] = []
        self._href = ""
        self._new()

    def _new(self) -> None:
        self._kinds: set[str] = set()
        self._principal = ""
        self._status = ""

    def begun(self, name: str) -> None:
        if self.inside == f"{_DAV} resourcetype":
            self._kinds.add(name)
        if name == f"{_DAV} response":
            self._href = ""
        elif name == f"{_DAV} propstat":
            self._new()

    def ended(self, name: str, text: str, inside: str) -> None:
        if name == f"{_DAV} href" and inside == f"{_DAV} response":
            self._href = text
        elif name == f"{_DAV} href" and inside == f"{_DAV} current-user-principal":
            self._principal = text
        elif name == f"{_DAV} status":
            self._status = text
        elif name == f"{_DAV} propstat" and self._status.split()[1:2] == ["200"]:
            self.found.append(
                Resource(href=self._href, kinds=frozenset(self._kinds), principal=self._principal)
            )


def parse(body: bytes) -> tuple[Resource, ...]:
    """Read a multistatus. Raises `RemoteProtocolError` where it is none."""
    reader = _Reader()
    reader.parse(body)
    return tuple(reader.found)


def read_who(status: int, body: bytes) -> Reading:
    """What the answer to `WHO` means: in, where the server says whose session it is.

    Raises:
        RemoteProtocolError: 207 without a multistatus.
    """
    if status != 207:
        by_status = of_status(status)
        return by_status or Reading(says=Says.UNCLEAR, words=f"HTTP {status}")
    if any(resource.principal for resource in parse(body)):
        return Reading(says=Says.IN, words="PROPFIND: the server knows who is signed in")
    return Reading(says=Says.UNCLEAR, words="PROPFIND: the server does not say who is signed in")


def read_published(status: int, body: bytes) -> Reading:
    """What the answer to an anonymous `KINDS` means.

    Raises:
        RemoteProtocolError: 207 without a multistatus.
    """
    if status == 207:
        found = [r for r in parse(body) if r.is_collection_of_entries]
        if found:
            words = f"published without a sign-in: {len(found)}"
            return Reading(says=Says.IN, words=words)
        return Reading(says=Says.REFUSED, words="nothing is listed without a sign-in")
    return _not_found(status)


def read_file(status: int) -> Reading:
    """What the answer to an anonymous HEAD of a published file means."""
    if status == 200:
        return Reading(says=Says.IN, words="it is there for anybody")
    return _not_found(status)


def _not_found(status: int) -> Reading:
    if status == 404:
        return Reading(says=Says.REFUSED, words="not published (HTTP 404)")
    by_status = of_status(status)
    return by_status or Reading(says=Says.UNCLEAR, words=f"HTTP {status}")
