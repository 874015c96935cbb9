# SPDX-License-Identifier: Apache-2.0
"""The replica's fast path against a reference that looks at every name the long way."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evict.agent.replica import Replica
from evict.core.names import try_canonical, without_sub_address
from tests.unit.agent.fakes import Chain

CLOSED = ("alice", "alice@corp.test", "corp\\alice", "alice@corp", "jürgen@corp.test", "a-b_c.d")


def slow(login: bytes, separators: str) -> bool:
    """True: may come in. Written apart from the product's code, from the rules."""
    try:
        name = login.decode("utf-8")
    except UnicodeDecodeError:
        return False
    for separator in separators:
        if separator in name:
            mailbox, _, master = name.partition(separator)
            parts = (slow(mailbox.encode(), separators), slow(master.encode(), separators))
            return all(parts) and not _is_closed(name)
    return try_canonical(name) is not None and not _is_closed(name)


def _is_closed(name: str) -> bool:
    form = try_canonical(name)
    if form is None:
        return False
    bare = without_sub_address(form)
    return not {form, form.rstrip("."), bare, bare.rstrip(".")}.isdisjoint(CLOSED)


def replica(separators: str, kind: type[Replica] = Replica) -> Replica:
    chain = Chain()
    chain.revoke("id-1", *CLOSED)
    made = kind(separators=separators)
    made.apply(chain.snapshot())
    return made


REPLICAS = {separators: replica(separators) for separators in ("", "*", "-", "*+")}

_BASES = (*CLOSED, "bob", "bob@corp.test", "alicia@corp.test", "corp\\bob")


def _spellings(base: str) -> list[str]:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in base)
    local, at, domain = base.partition("@")
    return [
        base,
        base.upper(),
        base.title(),
        wide,
        base[:1] + wide[1:],
        unicodedata.normalize("NFD", base),
        unicodedata.normalize("NFKD", base.upper()),
        f"{local}+news{at}{domain}",
        f"{local}+{at}{domain}",
        f"+{base}",
        f"CORP\\{base}",
        f"{base}@CORP.TEST",
        base + ".",
        base + "..",
        base + " ",
        " " + base,
        base + "\t",
        base.replace("@", "%40"),
        base + "\0",
        "\0" + base,
        base + "\n",
        base + "*master",
        "master*" + base,
        base + "*",
        base + "-x",
        base + "\uff0amaster",
        base + "\u200b",
        base.replace("a", "\u0430"),
        base.replace("i", "\u0131"),
        base.replace("i", "\u0130"),
        base.replace("e", "\u2147"),
        base * 60,
        '"' + base + '"',
    ]


CORPUS = [s.encode() for base in _BASES for s in _spellings(base)] + [
    b"",
    b".",
    b"\xff",
    b"@",
    b"+",
]


@pytest.mark.parametrize("separators", sorted(REPLICAS))
def test_the_corpus_of_spellings_is_decided_alike(separators: str) -> None:
    assert _differences(REPLICAS[separators], separators) == []


def test_the_corpus_finds_a_fast_path_that_takes_too_much() -> None:
    """Sabotage: every name is taken for a plain one."""

    class TooFast(Replica):
        def _is_plain(self, login: bytes) -> bool:
            return bool(login)

    found = _differences(replica("*", TooFast), "*")
    assert b"alice+news@corp.test" in found
    assert b"alice*master" in found
    assert b"alice." in found


def _differences(made: Replica, separators: str) -> list[bytes]:
    return [login for login in CORPUS if made.decide(login) is not slow(login, separators)]


_PIECES = st.sampled_from(
    [
        *"aAlIcCeE@.+*-_\\ %\0\n",
        "alice",
        "ALICE",
        "corp",
        "corp.test",
        "\u00fc",
        "u\u0308",
        "\uff21",
    ]
)


@settings(max_examples=600, deadline=None)
@given(
    login=st.one_of(
        st.sampled_from(CORPUS),
        st.lists(_PIECES, max_size=8).map(lambda parts: "".join(parts).encode()),
        st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.binary(max_size=12),
    ),
    separators=st.sampled_from(sorted(REPLICAS)),
)
@example(login=b"alice*alice", separators="*")
@example(login=b"a-b_c.d", separators="-")
def test_nothing_slips_through_fast_but_not_slow(login: bytes, separators: str) -> None:
    assert REPLICAS[separators].decide(login) is slow(login, separators)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=8).map("".join))
def test_a_session_is_found_under_every_name_that_the_hook_refuses_as_closed(name: str) -> None:
    made = REPLICAS["*"]
    closed = bool(set(made.spellings(name)) & set(CLOSED))
    if closed:
        assert made.decide(name.encode()) is False
    elif made.spellings(name):
        assert made.decide(name.encode()) is True
