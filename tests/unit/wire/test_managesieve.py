# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import managesieve
from evict.wire.managesieve import ManageSieveClient
from evict.wire.reply import Answer, Reply

GREETING = (
    b'"IMPLEMENTATION" "x"\r\n"SASL" "PLAIN gssapi"\r\n"STARTTLS"\r\n"SIEVE" {8}\r\nOK fake1\r\n'
    b'OK "ready"\r\n'
)


def answer(client: ManageSieveClient, data: bytes) -> Reply:
    client.feed(data)
    reply = client.next_reply()
    assert reply is not None
    return reply


def test_the_greeting_is_read_with_its_literals_and_bare_words() -> None:
    client = ManageSieveClient()
    reply = answer(client, GREETING)
    assert (reply.answer, reply.text) == (Answer.YES, "ready")
    assert client.mechanisms == {"PLAIN", "GSSAPI"}
    assert not client.pending


@pytest.mark.parametrize(
    ("data", "kind", "code", "refused"),
    [
        (b'NO "Authentication failed."\r\n', Answer.NO, "", True),
        (b"NO {5}\r\nwrong\r\n", Answer.NO, "", True),
        (b'no (ALERT) "closed"\r\n', Answer.NO, "ALERT", False),
        (b'NO (TRYLATER) "later"\r\n', Answer.NO, "TRYLATER", False),
        (b"NO (ENCRYPT-NEEDED)\r\n", Answer.NO, "ENCRYPT-NEEDED", False),
        (b'NO (TAG {3}\r\nabc) "x"\r\n', Answer.NO, "TAG", False),
        (b'BYE (TRYLATER) "shutting down"\r\n', Answer.BYE, "TRYLATER", False),
        (b'OK (SASL "eA==") "in"\r\n', Answer.YES, "SASL", False),
    ],
)
def test_only_a_no_about_the_credentials_is_a_refusal(
    data: bytes, kind: Answer, code: str, *, refused: bool
) -> None:
    client = ManageSieveClient()
    client.authenticate("PLAIN", b"x")
    reply = answer(client, data)
    assert (reply.answer, reply.code, client.refuses(reply)) == (kind, code, refused)


def test_a_lone_string_is_a_challenge_only_while_authenticating() -> None:
    client = ManageSieveClient()
    client.feed(b'"eA=="\r\n')
    assert client.next_reply() is None
    client.authenticate("GSSAPI", b"")
    assert answer(client, b'"eA=="\r\n').challenge == b"x"
    assert answer(client, b"{4}\r\neA==\r\n").challenge == b"x"


@pytest.mark.parametrize("data", [b"\r\n", b"WHAT\r\n", b'"open\r\n', b"* OK\r\n", b"+OK\r\n"])
def test_anything_else_is_no_managesieve(data: bytes) -> None:
    client = ManageSieveClient()
    client.feed(data)
    with pytest.raises(RemoteProtocolError):
        client.next_reply()


def test_a_long_response_goes_as_a_literal() -> None:
    client = ManageSieveClient()
    assert client.authenticate("PLAIN", b"x") == b'AUTHENTICATE "PLAIN" "eA=="\r\n'
    assert client.respond(b"x" * 900).startswith(b"{1200+}\r\neHh4")


def test_the_servers_side_is_understood_by_the_client() -> None:
    client = ManageSieveClient()
    reply = answer(client, managesieve.capabilities({"SASL": "PLAIN", "STARTTLS": None}))
    assert reply.answer is Answer.YES
    assert client.mechanisms == {"PLAIN"}
    reply = answer(client, managesieve.respond("NO", 'say "x\\"', "TRYLATER"))
    assert (reply.code, reply.text) == ("TRYLATER", 'say "x\\"')
    command = managesieve.parse_command(client.authenticate("PLAIN", b"x").removesuffix(b"\r\n"))
    assert (command.name, command.arguments) == ("AUTHENTICATE", (b"PLAIN", b"eA=="))
    assert managesieve.parse_command(b'"eA=="').arguments == (b"eA==",)
    with pytest.raises(RemoteProtocolError):
        managesieve.parse_command(b"")
