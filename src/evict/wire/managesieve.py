# SPDX-License-Identifier: Apache-2.0
"""ManageSieve as a probe must speak it, both ends, without I/O. Spec: RFC 5804."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire import sasl
from evict.wire.lines import literal_size
from evict.wire.reply import Answer, LineClient, Reply, readable

_STATUS: Final = {b"OK": Answer.YES, b"NO": Answer.NO, b"BYE": Answer.BYE}


class ManageSieveClient(LineClient):
    """Spec: RFC 5804 section 1.2 (syntax), 1.7 (capabilities), 2.1 (AUTHENTICATE).

    A NO without a code counts as a refusal; TRYLATER, ENCRYPT-NEEDED and AUTH-TOO-WEAK do not
    (section 1.3). After TLS the server sends its capabilities anew, unasked (section 2.2).
    """

    protocol = "managesieve"
    refusals = frozenset({""})
    greets_after_tls = True

    def __init__(self) -> None:
        super().__init__()
        self._authenticating = False

    def capability(self) -> bytes:
        return b"CAPABILITY\r\n"

    def starttls(self) -> bytes:
        return b"STARTTLS\r\n"

    def authenticate(self, mechanism: str, initial: bytes) -> bytes:
        self._authenticating = True
        return f'AUTHENTICATE "{mechanism}" '.encode() + _string(sasl.encode(initial)) + b"\r\n"

    def respond(self, response: bytes) -> bytes:
        return _string(sasl.encode(response)) + b"\r\n"

    def noop(self) -> bytes:
        return b"NOOP\r\n"

    def leave(self) -> bytes:
        return b"LOGOUT\r\n"

    def _literal(self, first: bytes, line: bytes) -> int | None:
        del first
        return literal_size(line, self.protocol)

    def _consume(self, parts: tuple[bytes, ...]) -> Reply | None:
        words = _tokens(parts)
        if not words:
            raise self.broken("an empty line")
        answer = None if words[0].quoted else _STATUS.get(words[0].value.upper())
        if answer is not None:
            self._authenticating = False
            code, text = _code_and_text(words[1:])
            return Reply(answer=answer, code=code, text=text)
        if not words[0].quoted:
            raise self.broken("neither OK, NO, BYE nor a string")
        if self._authenticating:
            return Reply(answer=Answer.GO_ON, challenge=sasl.decode(words[0].value))
        if words[0].value.upper() == b"SASL" and len(words) > 1:
            self.mechanisms = frozenset(readable(words[1].value).upper().split())
        return None


class Token(Struct, frozen=True):
    """A word, a bracket or a string (`quoted`, or a literal)."""

    value: bytes
    quoted: bool = False


def _tokens(parts: tuple[bytes, ...]) -> list[Token]:
    """Texts stand at even places, each literal after the text that announces it."""
    tokens: list[Token] = []
    for place, part in enumerate(parts):
        if place % 2:
            tokens.append(Token(part, quoted=True))
            continue
        announced = part.rfind(b"{") if place + 1 < len(parts) else len(part)
        tokens += _scan(part[:announced])
    return tokens


def _scan(text: bytes) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        sign = text[position : position + 1]
        if sign == b'"':
            value, position = _quoted(text, position + 1)
            tokens.append(Token(value, quoted=True))
        elif sign in b" \t()":
            position += 1
            if sign in b"()":
                tokens.append(Token(sign))
        else:
            start = position
            while position < len(text) and text[position] not in b' \t()"':
                position += 1
            tokens.append(Token(text[start:position]))
    return tokens


def _quoted(text: bytes, position: int) -> tuple[bytes, int]:
    out = bytearray()
    while position < len(text) and text[position] != 0x22:
        position += text[position] == 0x5C
        out += text[position : position + 1]
        position += 1
    if position >= len(text):
        raise RemoteProtocolError("a quoted string without an end", system="managesieve")
    return bytes(out), position + 1


def _code_and_text(words: list[Token]) -> tuple[str, str]:
    """`(CODE args) "text"`: the code without its arguments."""
    code = ""
    if words and words[0] == Token(b"("):
        code = readable(words[1].value).upper() if len(words) > 1 else ""
        closing = words.index(Token(b")")) if Token(b")") in words else len(words)
        words = words[closing + 1 :]
    return code, " ".join(readable(word.value) for word in words)


def _string(value: bytes) -> bytes:
    """Quoted strings have at most 1024 octets (section 4); a longer one goes as a literal."""
    if len(value) <= 1000:
        return b'"' + value + b'"'
    return b"{%d+}\r\n" % len(value) + value


class SieveCommand(Struct, frozen=True, kw_only=True):
    """A command as a server reads it: name in upper case; "" for a lone string (SASL)."""

    name: str
    arguments: tuple[bytes, ...] = ()


def parse_command(line: bytes) -> SieveCommand:
    """One command line without literals; raises `RemoteProtocolError` where it is none."""
    words = _scan(line)
    if not words:
        raise RemoteProtocolError("not a ManageSieve command", system="managesieve")
    name = "" if words[0].quoted else readable(words[0].value).upper()
    rest = words if words[0].quoted else words[1:]
    return SieveCommand(name=name, arguments=tuple(w.value for w in rest))


def respond(status: str, text: str = "", code: str = "") -> bytes:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{status}{f" ({code})" if code else ""} "{escaped}"\r\n'.encode()


def capabilities(values: dict[str, str | None], text: str = "ready") -> bytes:
    """The greeting and the answer to CAPABILITY."""
    lines = "".join(
        f'"{name}"\r\n' if value is None else f'"{name}" "{value}"\r\n'
        for name, value in values.items()
    )
    return lines.encode() + respond("OK", text)


def challenge(message: bytes = b"") -> bytes:
    return _string(sasl.encode(message)) + b"\r\n"
