# SPDX-License-Identifier: Apache-2.0
"""Whatever a peer sends: replies, or `RemoteProtocolError`, and never another end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evict.core.errors import RemoteProtocolError
from evict.wire import imap, ldap_bind, managesieve, pop3, sasl, smtp
from evict.wire.reply import LineClient, Reply, readable

CLIENTS = (
    imap.ImapClient,
    pop3.Pop3Client,
    smtp.SmtpClient,
    managesieve.ManageSieveClient,
)
PIECES = st.sampled_from(
    rb"* |+ |e1 |e2 |OK |NO |BAD |BYE |+OK|-ERR |[|]|CAPABILITY |AUTH=PLAIN |SASL |(|)".split(b"|")
    + rb'"|\|{3}|{|}|.|250|334 |421 |-| |=|eA=='.split(b"|")
    + [b"\r\n", b"\n", b"\r\n", b"\0", b"\xff"]
)
STREAMS = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=40).map(b"".join))


def replies_of(client: LineClient, pieces: list[bytes]) -> list[Reply] | str:
    """Everything that a codec makes of a stream, in whatever pieces it comes."""
    replies: list[Reply] = []
    client.capability()
    client.authenticate("PLAIN", b"x")
    try:
        for piece in pieces:
            client.feed(piece)
            while (reply := client.next_reply()) is not None:
                replies.append(reply)
    except RemoteProtocolError as error:
        return error.text
    return replies


@pytest.mark.parametrize("make", CLIENTS)
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=5))
@settings(max_examples=300, deadline=None)
def test_a_client_gives_replies_or_a_protocol_error_however_the_stream_is_cut(
    make: Callable[[], LineClient], stream: bytes, cuts: list[int]
) -> None:
    marks = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(marks)]
    assert replies_of(make(), pieces) == replies_of(make(), [stream])


@given(line=st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=20).map(b"".join)))
@settings(max_examples=300, deadline=None)
def test_a_server_reads_a_command_or_raises_a_protocol_error(line: bytes) -> None:
    parsers: tuple[Callable[[bytes], object], ...] = (
        imap.parse_command,
        pop3.parse_command,
        smtp.parse_command,
        managesieve.parse_command,
        sasl.parse_plain,
        sasl.decode,
        sasl.choose_no_layer,
        ldap_bind.parse_result,
        ldap_bind.parse_request,
    )
    for parse in parsers:
        with suppress(RemoteProtocolError):
            assert parse(line) is not None


@given(
    code=st.integers(0, 127),
    text=st.text(max_size=200),
    cut=st.integers(0, 400),
    flip=st.integers(0, 400),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_ldap_answer_is_an_answer_or_a_protocol_error(
    code: int, text: str, cut: int, flip: int
) -> None:
    data = bytearray(ldap_bind.bind_response(code, text))
    data[flip % len(data)] ^= 1 << (flip % 8)
    messages = ldap_bind.Messages()
    messages.feed(bytes(data[: max(1, len(data) - cut)]))
    with suppress(RemoteProtocolError):
        message = messages.next_message()
        assert message is None or ldap_bind.parse_result(message).code >= ldap_bind.DISCONNECTION


@given(name=st.text(min_size=1), password=st.text())
def test_plain_gives_back_what_it_was_given(name: str, password: str) -> None:
    if "\0" in name or "\0" in password:
        return
    assert sasl.parse_plain(sasl.plain(name, password)) == (name, password)


@given(raw=st.binary())
def test_what_is_made_readable_can_be_printed_on_one_line(raw: bytes) -> None:
    assert readable(raw).isprintable()
