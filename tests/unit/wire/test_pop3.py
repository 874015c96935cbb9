# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire import pop3
from evict.wire.pop3 import Pop3Client
from evict.wire.reply import Answer, Reply


def answer(client: Pop3Client, data: bytes) -> Reply:
    client.feed(data)
    reply = client.next_reply()
    assert reply is not None
    return reply


def test_the_mechanisms_come_from_the_list_and_no_line_of_it_is_an_answer() -> None:
    client = Pop3Client()
    client.capability()
    client.feed(b"+OK\r\nTOP\r\n-ERR fake\r\n..SASL x\r\nSASL PLAIN gssapi\r\n")
    assert client.next_reply() is None
    assert answer(client, b".\r\n").answer is Answer.YES
    assert client.mechanisms == {"PLAIN", "GSSAPI"}


def test_a_server_without_capa_offers_nothing() -> None:
    client = Pop3Client()
    client.capability()
    assert answer(client, b"-ERR what?\r\n").answer is Answer.NO
    assert answer(client, b"+OK\r\n").answer is Answer.YES
    assert client.mechanisms == frozenset()


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (b"-ERR wrong", True),
        (b"-ERR [AUTH] wrong", True),
        (b"-ERR [auth] wrong", True),
        (b"-ERR [SYS/TEMP] later", False),
        (b"-ERR [SYS/PERM] never", False),
        (b"-ERR [IN-USE] somebody", False),
        (b"-ERR [LOGIN-DELAY] wait", False),
        (b"+OK in", False),
    ],
)
def test_only_an_err_about_the_credentials_is_a_refusal(line: bytes, *, refused: bool) -> None:
    client = Pop3Client()
    assert client.refuses(answer(client, line + b"\r\n")) is refused


@pytest.mark.parametrize("line", [b"", b"OK", b"* OK", b"250 ok", b"+ not base64 !"])
def test_anything_else_is_no_pop3(line: bytes) -> None:
    client = Pop3Client()
    client.feed(line + b"\r\n")
    with pytest.raises(RemoteProtocolError):
        client.next_reply()


def test_a_long_response_goes_on_a_line_of_its_own() -> None:
    client = Pop3Client()
    assert client.authenticate("GSSAPI", b"x" * 10) == b"AUTH GSSAPI eHh4eHh4eHh4eA==\r\n"
    assert client.authenticate("GSSAPI", b"x" * 300) == b"AUTH GSSAPI\r\n"


def test_the_servers_side_is_understood_by_the_client() -> None:
    client = Pop3Client()
    client.capability()
    assert answer(client, pop3.listing(("SASL PLAIN", ".dot"))).answer is Answer.YES
    assert client.mechanisms == {"PLAIN"}
    assert answer(client, pop3.challenge(b"who?")).challenge == b"who?"
    assert answer(client, pop3.err("later", "SYS/TEMP")).code == "SYS/TEMP"
    assert answer(client, pop3.ok("in")).text == "in"


def test_a_command_is_read_and_garbage_is_not() -> None:
    assert pop3.parse_command(b"auth PLAIN eA==").arguments == ("PLAIN", "eA==")
    for line in (b"", b"\xff", b" x"):
        with pytest.raises(RemoteProtocolError):
            pop3.parse_command(line)
