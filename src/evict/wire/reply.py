# SPDX-License-Identifier: Apache-2.0
"""What the line protocols have in common: a reply as a value, and the shape of a client codec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from evict.core.errors import RemoteProtocolError
from evict.wire.lines import Lines

MAX_REPLY_LINES: Final = 512
"""Lines of one reply, the untagged ones before it included."""

MAX_PARTS: Final = 64
"""Texts and literals of one line."""


class Answer(StrEnum):
    """What a server says, whatever it calls that."""

    YES = "yes"
    NO = "no"
    BAD = "bad"
    """The command was not understood or not taken: says nothing of who asks."""
    GO_ON = "go-on"
    """It waits for more: a SASL challenge or a continuation."""
    BYE = "bye"
    """It says that it ends the connection."""
    CUT = "cut"
    """The connection ended without a word; made by whoever reads, never by a codec."""


class Reply(Struct, frozen=True, kw_only=True):
    """One whole reply.

    Attributes:
        code: the machine's part: IMAP and ManageSieve response code, POP3 extended code, SMTP's
            three digits; upper case; "" where there is none.
        text: the people's part.
        challenge: decoded SASL challenge of a GO_ON.
        lines: the lines as they came, for a transcript.
    """

    answer: Answer
    code: str = ""
    text: str = ""
    challenge: bytes = b""
    lines: tuple[bytes, ...] = ()


class LineClient(ABC):
    """The client's end of one line protocol, without I/O: bytes in, replies out.

    Commands are methods that give the bytes to send; one command at a time.

    Attributes:
        mechanisms: SASL mechanisms that the server offered last; upper case.
        refusals: codes of a NO that say "these credentials are not taken" and nothing else.
        greets_after_tls: the server speaks first once TLS is on.
    """

    protocol: ClassVar[str]
    refusals: ClassVar[frozenset[str]]
    greets_after_tls: ClassVar[bool] = False

    def __init__(self) -> None:
        self.mechanisms: frozenset[str] = frozenset()
        self._lines = Lines(self.protocol)
        self._seen: list[bytes] = []
        self._parts: list[bytes] = []
        self._octets: int | None = None

    @property
    def pending(self) -> bool:
        """Whether bytes came that no reply has used; must be False where TLS begins."""
        return self._lines.pending or bool(self._seen) or bool(self._parts)

    def feed(self, data: bytes) -> None:
        self._lines.feed(data)

    def next_reply(self) -> Reply | None:
        """The next whole reply, or None until more bytes came.

        Raises:
            RemoteProtocolError: the server breaks the protocol or a limit.
        """
        while (parts := self._next_parts()) is not None:
            self._seen.append(parts[0])
            if len(self._seen) > MAX_REPLY_LINES:
                raise self.broken("a reply without an end")
            reply = self._consume(parts)
            if reply is not None:
                reply = replace(reply, lines=tuple(self._seen))
                self._seen.clear()
                return reply
        return None

    def broken(self, what: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"the server sent {what}", system=self.protocol)

    def refuses(self, reply: Reply) -> bool:
        """Whether this answer to an authentication is a refusal of these very credentials.

        Never where its words say that it is for the time being.
        Quirk: a refusal of Dovecot's auth policy with a `msg` ("Temporarily unavailable ...", of a
        hook that cannot tell) has the code of a wrong password at POP3, ManageSieve and SMTP.
        """
        passing = "temporar" in reply.text.lower()
        return reply.answer is Answer.NO and reply.code in self.refusals and not passing

    def _next_parts(self) -> tuple[bytes, ...] | None:
        """One line with the literals in it: text, literal, text, ...; None until it is whole."""
        while True:
            if self._octets is not None:
                octets = self._lines.take(self._octets)
                if octets is None:
                    return None
                self._parts.append(octets)
                self._octets = None
            line = self._lines.next_line()
            if line is None:
                return None
            self._parts.append(line)
            self._octets = self._literal(self._parts[0], line)
            if self._octets is None:
                parts, self._parts = tuple(self._parts), []
                return parts
            if len(self._parts) > MAX_PARTS:
                raise self.broken("a line without an end")

    def _literal(self, _first: bytes, _line: bytes) -> int | None:
        """Octets of the literal that `_line` announces, where the protocol has any."""
        return None

    @abstractmethod
    def _consume(self, parts: tuple[bytes, ...]) -> Reply | None:
        """Use one line; give the reply where it ends one."""

    @abstractmethod
    def capability(self) -> bytes:
        """Ask what the server offers; its YES sets `mechanisms`."""

    @abstractmethod
    def starttls(self) -> bytes: ...

    @abstractmethod
    def authenticate(self, mechanism: str, initial: bytes) -> bytes:
        """Begin SASL; where the initial response cannot go along, `respond` sends it."""

    @abstractmethod
    def respond(self, response: bytes) -> bytes:
        """Answer a challenge."""

    @abstractmethod
    def noop(self) -> bytes: ...

    @abstractmethod
    def leave(self) -> bytes:
        """The polite end."""


def readable(raw: bytes) -> str:
    """Bytes from a peer as one line of printable text, whatever they are."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def split_code(text: bytes, opening: bytes = b"[", closing: bytes = b"]") -> tuple[str, bytes]:
    """`[CODE args] text` -> ("CODE args", text); a text without a code stays."""
    if not text.startswith(opening):
        return "", text
    inside, found, rest = text[1:].partition(closing)
    return (readable(inside), rest.lstrip(b" ")) if found else ("", text)
