# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.systems.haproxy import protocol
from evict.systems.haproxy.process import Mark, key_of
from evict.systems.haproxy.protocol import Answers, Malformed, Refused

PATH = Path("/etc/haproxy/evict/evict_sogo_closed.map")
NAMES = st.text(
    st.characters(min_codepoint=0x20, blacklist_characters='\x7f*?%"<>|', codec="utf-8"),
    min_size=1,
    max_size=256,
).filter(lambda name: name == name.strip() and not any(c.isspace() and c != " " for c in name))


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=50), max_size=8), st.data())
def test_an_answer_is_whole_however_it_is_cut(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(line.replace("> ", "") for line in lines)
    raw = text.encode() + protocol.PROMPT
    answers, got = Answers(), []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        answer = answers.feed(raw[:size])
        raw = raw[size:]
        if answer is not None:
            got.append(answer)
    assert got == [text.encode()]


def test_an_answer_without_an_end_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_ANSWER", 10)
    with pytest.raises(Malformed):
        Answers().feed(b"x" * 11)


@given(st.lists(NAMES, max_size=400))
def test_entries_come_out_of_a_payload_as_they_went_in(names: list[str]) -> None:
    """As HAProxy reads it: a word, a space, the rest of the line."""
    keys = [key_of(name) for name in names]
    got = []
    for command in protocol.add(PATH, ((key, "1") for key in keys)):
        head, _, payload = command.partition("<<\n")
        assert head == f"add map {PATH} "
        assert len(command.encode()) <= protocol.CHUNK + 1200
        assert payload.endswith("\n")
        got += [line.split(" ") for line in payload[:-1].split("\n")]
    assert got == [[key, "1"] for key in keys]
    assert not any(key.startswith("#") for key in keys)


@given(st.lists(NAMES, unique=True), st.randoms(use_true_random=False))
def test_two_names_are_never_one_key_and_the_mark_knows_no_order(
    names: list[str], dice: object
) -> None:
    keys = [key_of(name) for name in names]
    assert len(set(keys)) == len(keys)
    shuffled = list(keys)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert str(Mark(keys)) == str(Mark(shuffled))
    mark = Mark([*keys, "one more"])
    assert str(mark) != str(Mark(keys))
    mark.remove("one more")
    assert str(mark) == str(Mark(keys))


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "a\tb", "a\0b", "\x7f"])
def test_what_is_no_key_is_never_sent(key: str) -> None:
    with pytest.raises(ValueError, match="one word"):
        list(protocol.add(PATH, [(key, "1")]))


def test_a_value_is_one_line() -> None:
    with pytest.raises(ValueError, match="one line"):
        list(protocol.add(PATH, [("a", "1\nshutdown session 0x1")]))


@pytest.mark.parametrize(
    ("text", "argument"),
    [("a", "a"), ("a b", "a\\ b"), ("corp\\al", "corp\\\\al"), ("a;b", "a\\;b")],
)
def test_an_argument_ends_neither_itself_nor_the_command(text: str, argument: str) -> None:
    assert protocol.word(text) == argument


@pytest.mark.parametrize("text", ["", "a\nb", "a\0", "\x7f"])
def test_what_cannot_be_an_argument(text: str) -> None:
    with pytest.raises(ValueError, match="control"):
        protocol.word(text)


def test_an_error_is_told_from_data() -> None:
    assert protocol.read(b"") == ""
    assert protocol.read(b"+ + + ") == ""
    assert protocol.read(b"[6]: New version created: 1\n") == "New version created: 1"
    for said in (b"[3]: Key not found.\n", b"[6]: Unknown command, but maybe:\n  help\n"):
        with pytest.raises(Refused):
            protocol.read(said)


def test_the_lines_of_haproxy_2_6_are_read() -> None:
    maps = protocol.maps(
        "# id (file) description\n"
        "15 (/m/closed.map) pattern loaded from file '/m/closed.map' used by map at file 'h.cfg'"
        " line 41, by map at file 'h.cfg' line 42. curr_ver=2 next_ver=2 entry_cnt=8\n"
    )
    assert maps["/m/closed.map"].entries == 8
    assert maps["/m/closed.map"].version == 2
    live = protocol.live(
        "# table: sogo, type: string, size:204800, used:1\n"
        "0x7f: key=127.0.0.1:4242\\ 17\\ corp\\alice use=1 exp=9999 shard=0 conn_cur=1\n"
    )
    assert [(one.source, one.number, one.login) for one in live] == [
        ("127.0.0.1:4242", "17", "corp\\alice")
    ]
    (held,) = protocol.live(
        "0x7f: key=127.0.0.1:4242\\ 17!\\ alice use=1 exp=1 shard=0 conn_cur=1\n"
    )
    assert (held.number, held.waits, live[0].waits) == ("17", True, False)
    streams = protocol.streams(
        "0x7f71280da5d0: proto=tcpv4 src=127.0.0.1:4242 fe=web be=sogo srv=s1 ts=00 age=7s\n"
    )
    assert [s.is_old for s in streams] == [True]
    assert [(s.id, s.source, s.frontend) for s in streams] == [
        ("0x7f71280da5d0", "127.0.0.1:4242", "web")
    ]
    shown = "0x55cc08538680: [24/Nov/2026:16:03:18.766213] id=17 proto=tcpv4 source=127.0.0.1:1\n"
    assert protocol.number(shown) == "17"
    assert not protocol.number("")
    servers = protocol.servers("1\n# be_name srv_addr srv_port\nsogo 127.0.0.1 20000\n")
    assert [(s.backend, s.address) for s in servers] == [("sogo", "127.0.0.1:20000")]


@pytest.mark.parametrize("how", [protocol.maps, protocol.entries, protocol.live])
def test_a_line_of_another_kind_is_malformed(how: object) -> None:
    assert callable(how)
    with pytest.raises(Malformed):
        how("something else\n")


def test_a_live_request_without_a_number_is_malformed() -> None:
    with pytest.raises(Malformed, match="number"):
        protocol.live("0x7f: key=127.0.0.1:4242\\ alice use=1 exp=1 shard=0 conn_cur=1\n")
