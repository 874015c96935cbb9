# SPDX-License-Identifier: Apache-2.0
"""IMAP as a probe must speak it, both ends, without I/O. Spec: RFC 9051, RFC 3501."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire import sasl
from evict.wire.lines import literal_size
from evict.wire.reply import Answer, LineClient, Reply, readable, split_code

_STATUS: Final = {b"OK": Answer.YES, b"NO": Answer.NO, b"BAD": Answer.BAD}
_NO_LITERAL: Final = frozenset({b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"})


class ImapClient(LineClient):
    """Spec: RFC 9051 section 7 (responses); section 6.2.2 (AUTHENTICATE, SASL-IR).

    A NO without a code counts as a refusal, one with a code only where RFC 5530 section 3 says
    that it is about the credentials.
    Quirk: Dovecot 2.3.19 says [ALERT] of a refusal that comes with somebody's reason (an auth
    policy's `msg`), which may be a passing one: no refusal here.
    """

    protocol = "imap"
    refusals = frozenset({"", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"})

    def __init__(self) -> None:
        super().__init__()
        self.capabilities: frozenset[str] = frozenset()
        self._number = 0
        self._leaving = False

    @property
    def offers_only_login(self) -> bool:
        """No AUTH=PLAIN, and LOGIN is not forbidden (RFC 9051 section 6.2.3)."""
        return "PLAIN" not in self.mechanisms and "LOGINDISABLED" not in self.capabilities

    def capability(self) -> bytes:
        return self._command("CAPABILITY")

    def starttls(self) -> bytes:
        return self._command("STARTTLS")

    def authenticate(self, mechanism: str, initial: bytes) -> bytes:
        if "SASL-IR" not in self.capabilities:
            return self._command(f"AUTHENTICATE {mechanism}")
        return self._command(f"AUTHENTICATE {mechanism} {sasl.encode(initial).decode() or '='}")

    def login(self, name: str, password: str) -> bytes:
        """For servers without AUTH=PLAIN. Spec: RFC 9051 section 6.2.3."""
        return self._command(f"LOGIN {_quoted(name)} {_quoted(password)}")

    def respond(self, response: bytes) -> bytes:
        return sasl.encode(response) + b"\r\n"

    def noop(self) -> bytes:
        return self._command("NOOP")

    def leave(self) -> bytes:
        self._leaving = True
        return self._command("LOGOUT")

    def _command(self, text: str) -> bytes:
        self._number += 1
        return f"e{self._number} {text}\r\n".encode()

    def _literal(self, first: bytes, line: bytes) -> int | None:
        """A status line's text may end in `{5}` without a literal; only data has them."""
        words = first.split(b" ", 2)
        data = words[0] == b"*" and len(words) > 1 and words[1].upper() not in _NO_LITERAL
        return literal_size(line, self.protocol) if data else None

    def _consume(self, parts: tuple[bytes, ...]) -> Reply | None:
        first, _, rest = parts[0].partition(b" ")
        if first == b"*":
            return self._untagged(rest)
        if first == b"+":
            return _continuation(rest)
        if not self._number or first != f"e{self._number}".encode():
            raise self.broken("a tag that was not asked")
        return self._status(rest)

    def _untagged(self, rest: bytes) -> Reply | None:
        word, _, text = rest.partition(b" ")
        word = word.upper()
        if word == b"BYE":
            code, text = split_code(text)
            return None if self._leaving else _reply(Answer.BYE, code, text)
        if word == b"CAPABILITY":
            self._note(readable(text))
        if self._number:
            return None
        if word not in {b"OK", b"PREAUTH"}:
            raise self.broken("no IMAP greeting")
        code, text = split_code(text)
        return _reply(Answer.YES, code, text)

    def _status(self, rest: bytes) -> Reply:
        word, _, text = rest.partition(b" ")
        answer = _STATUS.get(word.upper())
        if answer is None:
            raise self.broken("a tagged response that is neither OK, NO nor BAD")
        code, text = split_code(text)
        return _reply(answer, code, text)

    def _note(self, text: str) -> None:
        self.capabilities = frozenset(text.upper().split())
        self.mechanisms = frozenset(
            c.removeprefix("AUTH=") for c in self.capabilities if c.startswith("AUTH=")
        )


def _reply(answer: Answer, code: str, text: bytes) -> Reply:
    return Reply(answer=answer, code=code.split(" ", 1)[0].upper(), text=readable(text))


def _continuation(rest: bytes) -> Reply:
    """Some servers write words where a SASL challenge would be: then it is an empty one."""
    try:
        challenge = sasl.decode(rest)
    except RemoteProtocolError:
        challenge = b""
    return Reply(answer=Answer.GO_ON, text=readable(rest), challenge=challenge)


def _quoted(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise RemoteProtocolError("LOGIN cannot carry such a name or password", system="imap")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class ImapCommand(Struct, frozen=True, kw_only=True):
    """A command as a server reads it: name in upper case, arguments unquoted."""

    tag: str
    name: str
    arguments: tuple[str, ...] = ()


def parse_command(line: bytes) -> ImapCommand:
    """One command line without literals.

    Raises:
        RemoteProtocolError: not a command.
    """
    try:
        tag, name, *rest = line.decode("utf-8").split(" ", 2)
    except ValueError as error:  # UnicodeDecodeError is one
        raise RemoteProtocolError("not an IMAP command", system="imap") from error
    if not tag.isalnum() or not name.isalpha():
        raise RemoteProtocolError("not an IMAP command", system="imap")
    return ImapCommand(tag=tag, name=name.upper(), arguments=tuple(_words(rest[0] if rest else "")))


def _words(text: str) -> list[str]:
    words, position = [], 0
    while position < len(text):
        if text[position] == " ":
            position += 1
        elif text[position] == '"':
            word, position = _unquote(text, position + 1)
            words.append(word)
        else:
            end = text.find(" ", position)
            end = len(text) if end < 0 else end
            words.append(text[position:end])
            position = end
    return words


def _unquote(text: str, position: int) -> tuple[str, int]:
    out: list[str] = []
    while position < len(text) and text[position] != '"':
        position += text[position] == "\\"
        out.append(text[position : position + 1])
        position += 1
    if position >= len(text):
        raise RemoteProtocolError("a quoted string without an end", system="imap")
    return "".join(out), position + 1


def respond(tag: str, status: str, text: str, code: str = "") -> bytes:
    """A server's status response; `*` is the tag of an untagged one."""
    return f"{tag} {status} {f'[{code}] ' if code else ''}{text}\r\n".encode()


def untagged(data: str) -> bytes:
    return f"* {data}\r\n".encode()


def challenge(message: bytes = b"") -> bytes:
    return b"+ " + sasl.encode(message) + b"\r\n"
