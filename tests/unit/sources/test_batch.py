# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.sources import batch
from evict.sources.batch import BadFile, Line, read

AT = "2026-12-31T17:00 Europe/Berlin"


def fields(data: bytes | str) -> list[tuple[int, str, str, str]]:
    lines = read(data.encode() if isinstance(data, str) else data)
    assert not any(line.bad for line in lines), lines
    return [(line.number, line.account, line.at, line.reason) for line in lines]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_personnel_file_is_read_however_it_was_saved(
    delimiter: str, mark: bytes, end: str
) -> None:
    rows = [["Account ", "AT", "reason"], ["müller", AT, "left"], [], ["bob", "", '"a;b,c\td"']]
    text = end.join(delimiter.join(row) for row in rows) + end
    assert fields(mark + text.encode()) == [
        (2, "müller", AT, "left"),
        (4, "bob", "", "a;b,c\td"),
    ]


def test_columns_may_stand_in_any_order_and_be_left_out() -> None:
    assert fields("reason;account\nleft;bob\n") == [(2, "bob", "", "left")]
    assert fields("account\nbob\ncarol") == [(2, "bob", "", ""), (3, "carol", "", "")]
    assert fields("account;at;;\nbob;;;\n") == [(2, "bob", "", "")]


def test_lines_are_numbered_as_an_editor_does() -> None:
    text = 'account,reason\n\nbob,"two\nlines"\ncarol,\u2028x\n'
    assert fields(text) == [(3, "bob", "", "two\nlines"), (5, "carol", "", "x")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"account\n", "names nobody"),
        (b"[]", "names nobody"),
        ("account\nbob\n".encode("utf-16"), "UTF-16"),
        ("account\nbob\n".encode("utf-16-le"), "UTF-16"),
        ("account\nbob\n".encode("utf-16-be"), "UTF-16"),
        ("account\nm\u00fcller\n".encode("latin-1"), "line 2 is not UTF-8"),
        (b"account\nb\0b\n", "zero byte"),
        (b"name;at\nbob;\n", "it has 'name', 'at'"),
        (b"bob\ncarol\n", "must name the columns"),
        (b"account;when\nbob;\n", "no column is called 'when'"),
        (b"account;account\nbob;\n", "twice"),
        (b'account\n"bob\n', "is no CSV"),
        (b'account\n"bob"x\n', "is no CSV"),
        (b'[{"account": "a", "account": "b"}]', "twice"),
        (b'{"account": "a"}', "is an array"),
        (b'[{"account": "a"}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"account\n" + b"bob\n" * (batch.MOST_LINES + 1), "at most"),
        (b"x" * (batch.MAX_BYTES + 1), "split it"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_as_a_whole(data: bytes, why: str) -> None:
    with pytest.raises(BadFile) as raised:
        read(data)
    assert why in raised.value.text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("account;at\nbob\n", "1 fields instead of 2"),
        ("account;reason\nbob;a;b\n", "3 fields instead of 2"),
        ("account;at\n;x\n", "names no account"),
        (f"account;reason\nbob;{'x' * 1025}\n", "reason has more than 1024"),
        (f"account\n{'x' * 1025}\n", "account has more than 1024"),
        ('[{"at": "x"}]', "names no account"),
        ('[{"account": "bob", "when": "x"}]', "no key is called 'when'"),
        ('[{"account": 3}]', "not a string"),
        ("[3]", "not an object"),
    ],
)
def test_a_bad_line_says_why_and_the_others_are_read(data: str, why: str) -> None:
    if data.startswith("["):
        data = json.dumps([*json.loads(data), {"account": "carol", "at": None}])
    else:
        data += "carol" + ";" * data.split("\n")[0].count(";") + "\n"
    bad, good = read(data.encode())
    assert why in bad.bad
    assert (good.account, good.bad) == ("carol", "")


def test_ten_thousand_lines_are_read() -> None:
    rows = [f"user{n}@corp.example;{AT};left" for n in range(10_000)]
    lines = read(("account;at;reason\n" + "\n".join(rows)).encode())
    assert len(lines) == 10_000
    assert lines[-1] == Line(number=10_001, account="user9999@corp.example", at=AT, reason="left")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        lines = read(data)
    except BadFile as error:
        assert error.exit_code == 2  # noqa: PT017 - either is right
    else:
        assert all(line.account or line.bad for line in lines)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_json_gives_back_what_was_written(names: list[str]) -> None:
    lines = read(json.dumps([{"account": name} for name in names]).encode())
    assert [line.account for line in lines] == [name.strip() for name in names]
