# SPDX-License-Identifier: Apache-2.0
"""POP3 as a probe must speak it, both ends, without I/O. Spec: RFC 1939, RFC 2449, RFC 5034."""

from __future__ import annotations

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire import sasl
from evict.wire.reply import Answer, LineClient, Reply, readable, split_code


class Pop3Client(LineClient):
    """Spec: RFC 1939 section 3 (replies); RFC 2449 section 5 (CAPA); RFC 5034 section 4 (AUTH).

    An -ERR without a code counts as a refusal, one with a code only where it is AUTH
    (RFC 3206 section 5); SYS/TEMP, SYS/PERM, IN-USE and LOGIN-DELAY are about the server.
    """

    protocol = "pop3"
    refusals = frozenset({"", "AUTH"})

    def __init__(self) -> None:
        super().__init__()
        self._listing = False
        self._in_list: Reply | None = None

    def capability(self) -> bytes:
        self._listing = True
        return b"CAPA\r\n"

    def starttls(self) -> bytes:
        return b"STLS\r\n"

    def authenticate(self, mechanism: str, initial: bytes) -> bytes:
        """A line has at most 255 octets (RFC 2449 section 4): a longer response goes alone."""
        line = f"AUTH {mechanism} ".encode() + (sasl.encode(initial) or b"=")
        return (line if len(line) <= 253 else f"AUTH {mechanism}".encode()) + b"\r\n"

    def respond(self, response: bytes) -> bytes:
        return sasl.encode(response) + b"\r\n"

    def noop(self) -> bytes:
        return b"NOOP\r\n"

    def leave(self) -> bytes:
        return b"QUIT\r\n"

    def _consume(self, parts: tuple[bytes, ...]) -> Reply | None:
        line = parts[0]
        if self._in_list is not None:
            return self._list_line(line)
        word, _, text = line.partition(b" ")
        if word == b"+":
            return Reply(answer=Answer.GO_ON, challenge=sasl.decode(text))
        if word.upper() == b"+OK":
            reply = Reply(answer=Answer.YES, text=readable(text))
            if not self._listing:
                return reply
            self._in_list, self.mechanisms = reply, frozenset()
            return None
        if word.upper() != b"-ERR":
            raise self.broken("a reply that begins with neither +OK nor -ERR")
        self._listing = False
        code, text = split_code(text)
        return Reply(answer=Answer.NO, code=code.upper(), text=readable(text))

    def _list_line(self, line: bytes) -> Reply | None:
        if line == b".":
            reply, self._in_list, self._listing = self._in_list, None, False
            return reply
        name, *values = readable(line.removeprefix(b".")).upper().split() or [""]
        if name == "SASL":
            self.mechanisms = frozenset(values)
        return None


class Pop3Command(Struct, frozen=True, kw_only=True):
    """A command as a server reads it: name in upper case."""

    name: str
    arguments: tuple[str, ...] = ()


def parse_command(line: bytes) -> Pop3Command:
    """Raises `RemoteProtocolError` where it is not a command."""
    try:
        name, *arguments = line.decode("utf-8").split(" ")
    except ValueError as error:
        raise RemoteProtocolError("not a POP3 command", system="pop3") from error
    if not name.isalpha():
        raise RemoteProtocolError("not a POP3 command", system="pop3")
    return Pop3Command(name=name.upper(), arguments=tuple(arguments))


def ok(text: str = "") -> bytes:
    return f"+OK {text}".rstrip().encode() + b"\r\n"


def err(text: str, code: str = "") -> bytes:
    return f"-ERR {f'[{code}] ' if code else ''}{text}\r\n".encode()


def listing(lines: tuple[str, ...]) -> bytes:
    """A multi-line reply, dot-stuffed (RFC 1939 section 3)."""
    stuffed = "".join(f"{'.' if line.startswith('.') else ''}{line}\r\n" for line in lines)
    return ok() + stuffed.encode() + b".\r\n"


def challenge(message: bytes = b"") -> bytes:
    return b"+ " + sasl.encode(message) + b"\r\n"
