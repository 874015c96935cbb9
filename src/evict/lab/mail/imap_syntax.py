# SPDX-License-Identifier: Apache-2.0
"""IMAP's commands as a server reads them, and its strings as it writes them. No I/O.

Spec: RFC 3501 sections 4 (data), 5.1.3 (mailbox names) and 9 (grammar); RFC 7888 (LITERAL+).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

_LITERAL: Final = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")
_TAG: Final = re.compile(r"[\x21\x23\x24\x26\x27\x2c-\x5b\x5d-\x7a\x7c\x7e]{1,64}\Z")
_MAX_DEPTH: Final = 16
_MAX_TOKENS: Final = 5000


class BadCommand(ValueError):
    """What is no command; the text is for people, without what was sent."""

    def __init__(self, text: str, tag: str = "*") -> None:
        super().__init__(text)
        self.text = text
        self.tag = tag


class Quoted(Struct, frozen=True):
    """A string in quotes, or a literal: never a keyword, a number or a wildcard."""

    octets: bytes


Token = str | Quoted | list["Token"]


class Command(Struct, frozen=True, kw_only=True):
    """`name` in upper case; of a command after UID, that follows it and `uid` is set."""

    tag: str
    name: str
    arguments: tuple[Token, ...] = ()
    uid: bool = False


def announced(line: bytes) -> tuple[int, bool] | None:
    """Octets of the literal that a line announces, and whether the client waits to be asked."""
    match = _LITERAL.search(line)
    return (int(match[1]), not match[2]) if match else None


def parse(parts: Sequence[bytes]) -> Command:
    """A command from its lines and literals: text, literal, text, and so on.

    Raises:
        BadCommand: with the tag, where there is one.
    """
    text = parts[0].decode("utf-8", "surrogateescape")
    tag, _, rest = text.partition(" ")
    if not _TAG.match(tag):
        raise BadCommand("no tag")
    name, _, rest = rest.partition(" ")
    if not name.isascii() or not name.isalpha():
        raise BadCommand("no command", tag)
    reader = _Reader([rest.encode("utf-8", "surrogateescape"), *parts[1:]])
    try:
        tokens = reader.tokens()
    except BadCommand as error:
        raise BadCommand(error.text, tag) from error
    uid = name.upper() == "UID"
    if uid:
        if not tokens or not isinstance(tokens[0], str):
            raise BadCommand("UID of what", tag)
        name, tokens = tokens[0], tokens[1:]
    return Command(tag=tag, name=name.upper(), arguments=tuple(tokens), uid=uid)


class _Reader:
    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        self._part = 0
        self._at = 0
        self._count = 0

    def tokens(self, depth: int = 0) -> list[Token]:
        """Up to the end, or to the parenthesis that closes a list."""
        found: list[Token] = []
        while True:
            self._skip_spaces()
            octet = self._peek()
            if octet == b"":
                if depth:
                    raise BadCommand("a list without an end")
                return found
            if octet == b")":
                if not depth:
                    raise BadCommand("a parenthesis too many")
                self._at += 1
                return found
            self._count += 1
            if self._count > _MAX_TOKENS or depth > _MAX_DEPTH:
                raise BadCommand("too much of it")
            found.append(self._one(octet, depth))

    def _one(self, octet: bytes, depth: int) -> Token:
        if octet == b"(":
            self._at += 1
            return self.tokens(depth + 1)
        if octet == b'"':
            return self._quoted()
        if octet == b"{":
            return self._literal()
        return self._atom()

    def _text(self) -> bytes:
        return self._parts[self._part]

    def _peek(self) -> bytes:
        return self._text()[self._at : self._at + 1]

    def _skip_spaces(self) -> None:
        while self._peek() == b" ":
            self._at += 1

    def _quoted(self) -> Quoted:
        text, at, out = self._text(), self._at + 1, bytearray()
        while at < len(text):
            octet = text[at : at + 1]
            if octet == b'"':
                self._at = at + 1
                return Quoted(bytes(out))
            if octet == b"\\":
                at += 1
                octet = text[at : at + 1]
            out += octet
            at += 1
        raise BadCommand("a quoted string without an end")

    def _literal(self) -> Quoted:
        """The literal is the next part, and the text goes on in the one after it."""
        if announced(self._text()[self._at :]) is None or self._part + 2 >= len(self._parts):
            raise BadCommand("a brace that begins no literal")
        self._part += 2
        self._at = 0
        return Quoted(self._parts[self._part - 1])

    def _atom(self) -> str:
        """Up to a space or parenthesis; brackets hold both: BODY[HEADER.FIELDS (TO)]."""
        text, begin, inside = self._text(), self._at, False
        while self._at < len(text):
            octet = text[self._at : self._at + 1]
            if octet == b"[":
                inside = True
            elif octet == b"]":
                inside = False
            elif not inside and octet in (b" ", b"(", b")", b'"', b"{"):
                break
            self._at += 1
        if self._at == begin:
            raise BadCommand("a character that begins nothing")
        return text[begin : self._at].decode("utf-8", "replace")


def astring(token: Token) -> str:
    """Raises `BadCommand` for a list, or for what is no UTF-8."""
    if isinstance(token, str):
        return token
    if isinstance(token, Quoted):
        try:
            return token.octets.decode()
        except UnicodeDecodeError as error:
            raise BadCommand("a string that is no UTF-8") from error
    raise BadCommand("a list where a string should be")


def quote(text: str | bytes) -> bytes:
    """A string as a server sends it: in quotes where that can be, else a literal."""
    octets = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(octets) < 512 and octets.isascii() and not any(c in octets for c in b'\r\n\0"\\'):
        return b'"' + octets + b'"'
    return literal(octets)


def literal(octets: bytes) -> bytes:
    return b"{%d}\r\n" % len(octets) + octets


def listed(parts: Iterable[bytes]) -> bytes:
    return b"(" + b" ".join(parts) + b")"


def numbers(token: Token, most: int) -> set[int]:
    """A sequence set (`1:3,5,7:*`) up to `most`, which `*` stands for. Raises `BadCommand`."""
    if not isinstance(token, str):
        raise BadCommand("no sequence set")
    found: set[int] = set()
    for part in token.split(","):
        first, colon, last = part.partition(":")
        low = _number(first, most)
        high = _number(last, most) if colon else low
        low, high = min(low, high), max(low, high)
        found.update(range(max(low, 1), min(high, most) + 1))
    return found


def _number(text: str, most: int) -> int:
    if text == "*":
        return most
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise BadCommand("no sequence set")
    return int(text)


def encode_name(name: str) -> str:
    """A mailbox's name in modified UTF-7."""
    out: list[str] = []
    for run in re.findall(r"[\x20-\x7e]+|[^\x20-\x7e]+", name):
        if run.isascii() and run.isprintable():
            out.append(run.replace("&", "&-"))
        else:
            packed = base64.b64encode(run.encode("utf-16-be")).decode().rstrip("=")
            out.append(f"&{packed.replace('/', ',')}-")
    return "".join(out)


def decode_name(name: str) -> str:
    """From modified UTF-7; what is none stays as it is."""

    def one(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        packed = match[1].replace(",", "/")
        try:
            octets = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
            return octets.decode("utf-16-be")
        except (binascii.Error, UnicodeDecodeError):
            return match[0]

    return re.sub(r"&([^-&]*)-", one, name)
