# SPDX-License-Identifier: Apache-2.0
"""SMTP submission as a probe must speak it, both ends, without I/O.

Spec: RFC 5321, RFC 4954 (AUTH), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire import sasl
from evict.wire.reply import Answer, LineClient, Reply, readable

_NOT_UNDERSTOOD: Final = frozenset({"500", "501", "502", "503", "504"})


class SmtpClient(LineClient):
    """Spec: RFC 5321 section 4.2 (replies); RFC 4954 section 6 (535 alone means "wrong").

    Quirk: Postfix 3.7 in front of Dovecot 2.3.19 says `535 ... (reason unavailable)` of a wrong
    password and of a directory that does not answer alike.

    Args:
        name: what EHLO says; an address literal where this host has no name (RFC 5321 4.1.3).
    """

    protocol = "submission"
    refusals = frozenset({"535"})

    def __init__(self, name: str = "[127.0.0.1]") -> None:
        super().__init__()
        self._name = name
        self._texts: list[bytes] = []
        self._code = b""
        self._greeting_sent = False

    def capability(self) -> bytes:
        self._greeting_sent = True
        return f"EHLO {self._name}\r\n".encode()

    def starttls(self) -> bytes:
        return b"STARTTLS\r\n"

    def authenticate(self, mechanism: str, initial: bytes) -> bytes:
        return f"AUTH {mechanism} ".encode() + (sasl.encode(initial) or b"=") + b"\r\n"

    def respond(self, response: bytes) -> bytes:
        return sasl.encode(response) + b"\r\n"

    def noop(self) -> bytes:
        return b"NOOP\r\n"

    def leave(self) -> bytes:
        return b"QUIT\r\n"

    def mail(self, sender: str) -> bytes:
        return b"MAIL FROM:<" + _path(sender) + b">\r\n"

    def recipient(self, address: str) -> bytes:
        return b"RCPT TO:<" + _path(address) + b">\r\n"

    def reset(self) -> bytes:
        return b"RSET\r\n"

    def _consume(self, parts: tuple[bytes, ...]) -> Reply | None:
        code, separator, text = parts[0][:3], parts[0][3:4], parts[0][4:]
        if not (len(code) == 3 and code.isdigit() and separator in {b"", b" ", b"-"}):
            raise self.broken("a reply without a code")
        if self._texts and code != self._code:
            raise self.broken("a reply with two codes")
        self._code = code
        self._texts.append(text)
        if separator == b"-":
            return None
        texts, self._texts = self._texts, []
        return self._whole(code.decode(), texts)

    def _whole(self, code: str, texts: list[bytes]) -> Reply:
        if code[0] not in "2345":
            raise self.broken("a reply code that is none")
        if self._greeting_sent:
            self._greeting_sent = False
            self._note(texts[1:])
        answer = {"2": Answer.YES, "3": Answer.GO_ON}.get(code[0], Answer.NO)
        if code == "421":
            answer = Answer.BYE
        elif code in _NOT_UNDERSTOOD:
            answer = Answer.BAD
        challenge = sasl.decode(texts[-1]) if code == "334" else b""
        text = "" if code == "334" else " ".join(readable(t) for t in texts)
        return Reply(answer=answer, code=code, text=text, challenge=challenge)

    def _note(self, texts: list[bytes]) -> None:
        self.mechanisms = frozenset()
        for text in texts:
            keyword, *values = readable(text).upper().replace("=", " ").split() or [""]
            if keyword == "AUTH":
                self.mechanisms |= frozenset(values)


def _path(address: str) -> bytes:
    if any(c in "<>" or not c.isprintable() or c == " " for c in address):
        raise RemoteProtocolError("no address for an envelope", system="submission")
    return address.encode()


class SmtpCommand(Struct, frozen=True, kw_only=True):
    """A command as a server reads it: verb in upper case, the rest as it came."""

    verb: str
    argument: str = ""


def parse_command(line: bytes) -> SmtpCommand:
    """Raises `RemoteProtocolError` where it is not a command."""
    try:
        verb, _, argument = line.decode("utf-8").partition(" ")
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("not an SMTP command", system="submission") from error
    if not verb.isalpha():
        raise RemoteProtocolError("not an SMTP command", system="submission")
    return SmtpCommand(verb=verb.upper(), argument=argument.strip())


def respond(code: int, *texts: str) -> bytes:
    """A reply of one or more lines."""
    last = len(texts) - 1
    return "".join(
        f"{code}{'-' if n < last else ' '}{text}\r\n" for n, text in enumerate(texts)
    ).encode()


def challenge(message: bytes = b"") -> bytes:
    return b"334 " + sasl.encode(message) + b"\r\n"
