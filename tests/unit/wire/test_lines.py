# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.errors import RemoteProtocolError
from evict.wire.lines import MAX_BUFFER, MAX_LINE, Lines, literal_size


def test_a_line_is_given_once_its_end_has_come() -> None:
    lines = Lines("imap")
    lines.feed(b"* OK he")
    assert lines.next_line() is None
    lines.feed(b"llo\r\n+ rest\n")
    assert lines.next_line() == b"* OK hello"
    assert lines.next_line() == b"+ rest"
    assert not lines.pending


def test_a_line_of_the_greatest_length_passes_and_one_more_octet_does_not() -> None:
    lines = Lines("imap")
    lines.feed(b"x" * MAX_LINE + b"\r\n")
    assert lines.next_line() == b"x" * MAX_LINE
    lines.feed(b"x" * (MAX_LINE + 1) + b"\r")
    with pytest.raises(RemoteProtocolError, match="too long"):
        lines.next_line()


def test_a_flood_without_a_reader_is_refused() -> None:
    lines = Lines("pop3")
    lines.feed(b"x\n" * (MAX_BUFFER // 2))
    with pytest.raises(RemoteProtocolError, match="flood"):
        lines.feed(b"x")


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b'* LIST () "/" {5}', 5),
        (b"{12+}", 12),
        (b"{}", None),
        (b"{-1}", None),
        (b"{ 5}", None),
        (b"5}", None),
        (b"{5} ", None),
        (b"}", None),
    ],
)
def test_a_literal_is_announced_at_the_very_end(line: bytes, size: int | None) -> None:
    assert literal_size(line, "imap") == size


def test_a_literal_greater_than_any_buffer_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="literal"):
        literal_size(b"{99999999999}", "imap")
