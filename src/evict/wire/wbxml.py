# SPDX-License-Identifier: Apache-2.0
"""Binary XML as ActiveSync uses it, both ends, without I/O.

Spec: MS-ASWBXML 2.1 (of WAP's binary XML: code pages, inline strings, opaque data and ends; no
attributes, entities, string table, extensions or processing instructions). Whatever else comes is
a `RemoteProtocolError`, and so is what is too long, too deep or has too many elements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from msgspec import Struct

from evict.core.errors import RemoteProtocolError

_SWITCH_PAGE: Final = 0x00
_END: Final = 0x01
_STR_I: Final = 0x03
_OPAQUE: Final = 0xC3
_HAS_CONTENT: Final = 0x40
_HAS_ATTRIBUTES: Final = 0x80
_FIRST_TAG: Final = 0x05
_HEAD: Final = b"\x03\x01\x6a\x00"
"""Version 1.3, public id unknown, UTF-8 (106), no string table."""
_UTF8: Final = 106
_MB_BYTES: Final = 5

Pages = Mapping[int, tuple[str, Mapping[int, str]]]
"""Number of a code page -> its name, and its tags by token."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a document may be at most."""

    size: int = 12 * 1024 * 1024
    depth: int = 32
    elements: int = 20_000


_LIMITS: Final = Limits()


class Element(Struct, frozen=True):
    """One element. It has children or data, never both.

    Attributes:
        tag: `Page:Name`.
        data: text, or opaque bytes.
    """

    tag: str
    children: tuple[Element, ...] = ()
    data: str | bytes | None = None

    def find(self, *path: str) -> Element | None:
        """The first child of this name, its first child of the next name, and so on."""
        found: Element | None = self
        for tag in path:
            found = next((c for c in found.children if c.tag == tag), None) if found else None
        return found

    def all(self, tag: str) -> list[Element]:
        return [child for child in self.children if child.tag == tag]

    def walk(self) -> Iterator[Element]:
        """Itself and everything below, in the document's order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)

    def text(self, *path: str) -> str | None:
        """The text at the end of a path; None where there is none."""
        found = self.find(*path)
        return found.data if found is not None and isinstance(found.data, str) else None


def tokens_of(pages: Pages) -> dict[str, tuple[int, int]]:
    """`Page:Name` -> page and token: what `encode` looks up."""
    return {
        f"{name}:{tag}": (number, token)
        for number, (name, tags) in pages.items()
        for token, tag in tags.items()
    }


def encode(root: Element, tokens: Mapping[str, tuple[int, int]]) -> bytes:
    """Write a document. Raises `ValueError` for a tag without token and for NUL in a text."""
    out = bytearray(_HEAD)
    page = 0
    waiting: list[Element | None] = [root]
    while waiting:
        element = waiting.pop()
        if element is None:
            out.append(_END)
            continue
        if element.tag not in tokens:
            raise ValueError(f"no token for {element.tag}")
        number, token = tokens[element.tag]
        if number != page:
            out += bytes((_SWITCH_PAGE, number))
            page = number
        if not element.children and element.data is None:
            out.append(token)
            continue
        out.append(token | _HAS_CONTENT)
        out += _data(element.data)
        waiting.append(None)
        waiting += reversed(element.children)
    return bytes(out)


def _data(data: str | bytes | None) -> bytes:
    if data is None:
        return b""
    if isinstance(data, bytes):
        return bytes((_OPAQUE,)) + _mb_uint(len(data)) + data
    if "\0" in data:
        raise ValueError("NUL in a text")
    return bytes((_STR_I,)) + data.encode("utf-8") + b"\0"


def _mb_uint(number: int) -> bytes:
    out = [number & 0x7F]
    while number := number >> 7:
        out.append(number & 0x7F | 0x80)
    return bytes(reversed(out))


def decode(data: bytes, pages: Pages, limits: Limits = _LIMITS) -> Element:
    """Read a document. Raises `RemoteProtocolError`, and nothing else."""
    if len(data) > limits.size:
        broken("a document that is too long")
    return _Reader(data, pages, limits).document()


def broken(what: str) -> NoReturn:
    raise RemoteProtocolError(what, system="activesync")


class _Open:
    """An element that is being read."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.children: list[Element] = []
        self.pieces: list[str | bytes] = []

    def close(self) -> Element:
        """Pieces of one kind are one; texts beside elements say nothing in ActiveSync."""
        if not self.pieces:
            return Element(self.tag, tuple(self.children))
        if self.children:
            broken("data beside elements")
        texts = [piece for piece in self.pieces if isinstance(piece, str)]
        blobs = [piece for piece in self.pieces if isinstance(piece, bytes)]
        if texts and blobs:
            broken("text beside opaque data")
        return Element(self.tag, (), "".join(texts) if texts else b"".join(blobs))


class _Reader:
    def __init__(self, data: bytes, pages: Pages, limits: Limits) -> None:
        self._data = data
        self._pages = pages
        self._limits = limits
        self._at = 0
        self._page = 0
        self._count = 0

    def document(self) -> Element:
        self._head()
        stack: list[_Open] = []
        while True:
            token = self._byte()
            if token == _SWITCH_PAGE:
                self._page = self._byte()
                continue
            if token == _END and stack:
                done: Element | None = stack.pop().close()
            elif token == _STR_I and stack:
                stack[-1].pieces.append(self._string())
                continue
            elif token == _OPAQUE and stack:
                stack[-1].pieces.append(self._opaque())
                continue
            else:
                done = self._begin(token, stack)
            if done is None:
                continue
            if not stack:
                return self._last(done)
            stack[-1].children.append(done)

    def _head(self) -> None:
        version = self._byte()
        if not 1 <= version <= 3:
            broken("not a version of binary XML that is known")
        if self._uint() == 0:
            self._uint()  # The public id stands in the string table: an index.
        if self._uint() != _UTF8:
            broken("a character set that is not UTF-8")
        if self._uint():
            broken("a string table")

    def _begin(self, token: int, stack: list[_Open]) -> Element | None:
        """A tag; whole where it has no content."""
        name, tags = self._pages.get(self._page, ("", {}))
        tag = tags.get(token & ~_HAS_CONTENT)
        if token & _HAS_ATTRIBUTES or token & ~_HAS_CONTENT < _FIRST_TAG or tag is None:
            broken(f"a token that nobody knows: {token:#04x} of page {self._page}")
        self._count += 1
        if self._count > self._limits.elements:
            broken("too many elements")
        if not token & _HAS_CONTENT:
            return Element(f"{name}:{tag}")
        if len(stack) >= self._limits.depth:
            broken("elements too deep")
        stack.append(_Open(f"{name}:{tag}"))
        return None

    def _last(self, root: Element) -> Element:
        if self._at != len(self._data):
            broken("bytes after the document's end")
        return root

    def _byte(self) -> int:
        if self._at >= len(self._data):
            broken("a document that ends too early")
        self._at += 1
        return self._data[self._at - 1]

    def _uint(self) -> int:
        """At most 32 bits (WAP-192 section 5.1)."""
        number = 0
        for _ in range(_MB_BYTES):
            byte = self._byte()
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                return number if number < 1 << 32 else broken("a number that is too large")
        broken("a number that is too long")

    def _string(self) -> str:
        end = self._data.find(b"\0", self._at)
        if end < 0:
            broken("a string without end")
        raw, self._at = self._data[self._at : end], end + 1
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            broken("a string that is not UTF-8")

    def _opaque(self) -> bytes:
        length = self._uint()
        if length > len(self._data) - self._at:
            broken("opaque data longer than the document")
        self._at += length
        return self._data[self._at - length : self._at]
