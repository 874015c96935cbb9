# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import imap, sasl
from evict.wire.imap import ImapClient
from evict.wire.reply import Answer, Reply


def greeted() -> ImapClient:
    client = ImapClient()
    client.feed(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
    assert answer(client).answer is Answer.YES
    return client


def answer(client: ImapClient) -> Reply:
    reply = client.next_reply()
    assert reply is not None
    return reply


def test_a_greeting_that_is_none_is_refused() -> None:
    client = ImapClient()
    client.feed(b"* 5 EXISTS\r\n")
    with pytest.raises(RemoteProtocolError, match="greeting"):
        client.next_reply()


def test_the_mechanisms_come_from_the_untagged_capability() -> None:
    client = greeted()
    assert client.capability() == b"e1 CAPABILITY\r\n"
    client.feed(b"* CAPABILITY IMAP4rev1 sasl-ir AUTH=PLAIN AUTH=GSSAPI\r\ne1 OK done\r\n")
    assert answer(client).lines == (
        b"* CAPABILITY IMAP4rev1 sasl-ir AUTH=PLAIN AUTH=GSSAPI",
        b"e1 OK done",
    )
    assert client.mechanisms == {"PLAIN", "GSSAPI"}
    assert client.authenticate("PLAIN", b"\0a\0b") == b"e2 AUTHENTICATE PLAIN AGEAYg==\r\n"


def test_without_an_initial_response_the_password_waits_for_the_challenge() -> None:
    client = greeted()
    assert client.authenticate("PLAIN", b"secret") == b"e1 AUTHENTICATE PLAIN\r\n"
    client.feed(b"+ \r\n")
    assert answer(client) == Reply(answer=Answer.GO_ON, lines=(b"+ ",))


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (b"NO wrong", True),
        (b"NO [AUTHENTICATIONFAILED] no", True),
        (b"no [authorizationfailed] no", True),
        (b"NO [ALERT] mailbox closed", False),
        (b"NO [AUTHENTICATIONFAILED] Temporary failure", False),
        (b"NO [UNAVAILABLE] later", False),
        (b"NO [CONTACTADMIN] no", False),
        (b"NO [LIMIT] too many", False),
        (b"NO [PRIVACYREQUIRED] no", False),
        (b"BAD no", False),
        (b"OK in", False),
    ],
)
def test_only_a_no_about_the_credentials_is_a_refusal(line: bytes, *, refused: bool) -> None:
    client = greeted()
    client.noop()
    client.feed(b"e1 " + line + b"\r\n")
    assert client.refuses(answer(client)) is refused


def test_a_literal_that_looks_like_an_answer_is_none() -> None:
    client = greeted()
    client.noop()
    client.feed(b'* LIST () "/" {12}\r\ne1 OK fake\r\n (more {7}\r\n* BYE x)\r\ne1 NO real\r\n')
    assert answer(client).answer is Answer.NO


def test_words_that_look_like_a_literal_are_none() -> None:
    client = greeted()
    client.noop()
    client.feed(b"* OK still here {400}\r\ne1 OK done {500}\r\n")
    assert answer(client).answer is Answer.YES


def test_bye_ends_whatever_was_asked_but_not_a_logout() -> None:
    client = greeted()
    client.noop()
    client.feed(b"* BYE shutting down\r\n")
    assert answer(client).answer is Answer.BYE
    client.leave()
    client.feed(b"* BYE logging out\r\ne2 OK done\r\n")
    assert answer(client).answer is Answer.YES


def test_an_answer_to_another_command_is_refused() -> None:
    client = greeted()
    client.noop()
    client.feed(b"e7 OK done\r\n")
    with pytest.raises(RemoteProtocolError, match="tag"):
        client.next_reply()


def test_untagged_lines_without_end_are_refused() -> None:
    client = greeted()
    client.noop()
    client.feed(b"* 1 EXISTS\r\n" * 600)
    with pytest.raises(RemoteProtocolError, match="without an end"):
        client.next_reply()


def test_a_login_is_read_by_the_server_as_it_was_meant() -> None:
    line = greeted().login('a"l\\ice', "pass word").removesuffix(b"\r\n")
    command = imap.parse_command(line)
    assert (command.tag, command.name) == ("e1", "LOGIN")
    assert command.arguments == ('a"l\\ice', "pass word")


def test_a_login_with_a_line_end_in_it_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        greeted().login("alice\r\nx LOGOUT", "p")


def test_the_servers_side_is_understood_by_the_client() -> None:
    client = ImapClient()
    client.feed(imap.respond("*", "OK", "ready"))
    assert answer(client).text == "ready"
    client.noop()
    client.feed(imap.untagged("2 EXISTS") + imap.respond("e1", "NO", "later", "UNAVAILABLE"))
    assert answer(client).code == "UNAVAILABLE"
    client.feed(imap.challenge(b"who?"))
    assert answer(client).challenge == b"who?"


def test_a_plain_message_survives_the_way() -> None:
    assert sasl.parse_plain(sasl.plain("ä@corp.test", "p")) == ("ä@corp.test", "p")
    with pytest.raises(RemoteProtocolError):
        sasl.parse_plain(b"no message")


def test_a_server_that_insists_on_a_security_layer_is_left() -> None:
    assert sasl.choose_no_layer(b"\x07\x00\xff\xff") == b"\x01\x00\x00\x00"
    with pytest.raises(RemoteProtocolError):
        sasl.choose_no_layer(b"\x06\x00\xff\xff")
