# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import smtp
from evict.wire.reply import Answer, Reply
from evict.wire.smtp import SmtpClient


def answer(client: SmtpClient, data: bytes) -> Reply:
    client.feed(data)
    reply = client.next_reply()
    assert reply is not None
    return reply


def test_a_reply_ends_with_its_last_line() -> None:
    client = SmtpClient()
    client.capability()
    client.feed(b"250-mail.corp.test\r\n250-AUTH PLAIN gssapi\r\n250-AUTH=LOGIN\r\n")
    assert client.next_reply() is None
    reply = answer(client, b"250 CHUNKING\r\n")
    assert (reply.answer, reply.code, len(reply.lines)) == (Answer.YES, "250", 4)
    assert client.mechanisms == {"PLAIN", "GSSAPI", "LOGIN"}


def test_what_ehlo_says_after_tls_replaces_what_it_said_before() -> None:
    client = SmtpClient()
    client.capability()
    answer(client, b"250-x\r\n250 AUTH PLAIN\r\n")
    client.capability()
    answer(client, b"250 x\r\n")
    assert client.mechanisms == frozenset()


@pytest.mark.parametrize(
    ("line", "kind", "refused"),
    [
        (b"235 2.7.0 in", Answer.YES, False),
        (b"535 5.7.8 wrong", Answer.NO, True),
        (b"535", Answer.NO, True),
        (b"535 5.7.8 Error: authentication failed: (reason unavailable)", Answer.NO, True),
        (b"535 5.7.8 Error: authentication failed: Temporarily unavailable", Answer.NO, False),
        (b"454 4.7.0 later", Answer.NO, False),
        (b"451 later", Answer.NO, False),
        (b"421 too busy", Answer.BYE, False),
        (b"530 first", Answer.NO, False),
        (b"534 too weak", Answer.NO, False),
        (b"538 not in clear", Answer.NO, False),
        (b"504 what?", Answer.BAD, False),
        (b"334 d2hvPw==", Answer.GO_ON, False),
    ],
)
def test_only_535_is_a_refusal(line: bytes, kind: Answer, *, refused: bool) -> None:
    client = SmtpClient()
    reply = answer(client, line + b"\r\n")
    assert (reply.answer, client.refuses(reply)) == (kind, refused)


@pytest.mark.parametrize(
    "data",
    [b"25 x\r\n", b"abc\r\n", b"250-x\r\n251 y\r\n", b"250x\r\n", b"650 x\r\n", b"334 !\r\n"],
)
def test_anything_else_is_no_smtp(data: bytes) -> None:
    client = SmtpClient()
    client.feed(data)
    with pytest.raises(RemoteProtocolError):
        client.next_reply()


@pytest.mark.parametrize("address", ["a>\r\nDATA", "a b@c", "a\0@c", "<a@c"])
def test_an_address_cannot_carry_a_second_command(address: str) -> None:
    with pytest.raises(RemoteProtocolError):
        SmtpClient().mail(address)
    with pytest.raises(RemoteProtocolError):
        SmtpClient().recipient(address)


def test_the_servers_side_is_understood_by_the_client() -> None:
    client = SmtpClient()
    assert answer(client, smtp.respond(220, "a", "b")).text == "a b"
    assert answer(client, smtp.challenge(b"who?")).challenge == b"who?"
    command = smtp.parse_command(client.mail("a@corp.test").removesuffix(b"\r\n"))
    assert (command.verb, command.argument) == ("MAIL", "FROM:<a@corp.test>")
    for line in (b"", b"\xff", b" x"):
        with pytest.raises(RemoteProtocolError):
            smtp.parse_command(line)
