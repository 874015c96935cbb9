# SPDX-License-Identifier: Apache-2.0
"""Dovecot's questions answered from a remembered head, against a conversation that has none."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from evict.core.secret import Secret
from evict.systems.dovecot.policy import LET_IN, REMEMBERED, Conversation
from tests.unit.systems.dovecot.test_policy import KEY, decide, question


class Forgetful(dict[bytes, int]):
    """Heads that are never found: every byte goes through the parser."""

    def get(self, _key: bytes, default: object = None) -> None:  # type: ignore[override]
        assert default is None


class Careless(dict[bytes, int]):
    """Sabotage: every head is taken for a good one."""

    def get(self, _key: bytes, default: object = None) -> int:
        assert default is None
        return len(SHORT.partition(b"\r\n\r\n")[2])


SHORT = question(login="bob")
HEADS = [
    question(),
    question(login="alice"),
    question(login="bob", requested="alice"),
    question(login="early"),
    question(mech="GSSAPI"),
    question(command="report"),
    question(command="deny"),
    question(header=""),
    question(header="X-API-Key: other\r\n"),
    question(header=f"X-API-Key: other\r\nX-API-Key: {KEY}\r\n"),
    question(method="GET"),
    question(b"{"),
    question(b'{"login":"\\u0061lice"}'),
    question(b'{"login":"x","login":"alice"}'),
    question().replace(b"Keep-Alive", b"close"),
    question().replace(b"HTTP/1.1", b"HTTP/1.0"),
    question().replace(b"Content-Length", b"X-Length"),
    question().replace(b"\r\n", b"\n"),
    question(b'5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n').replace(
        b"Host", b"Transfer-Encoding: chunked\r\nHost"
    ),
    question(b""),
    b"\r\n" + question(),
    b"\r\n\r\n" + question(),
    question(SHORT),
    question(b'{"login":"bob","mech":"' + SHORT[:60] + b'"}'),
]


@st.composite
def pieces(draw: st.DrawFn) -> bytes:
    """A question as it is, cut short, or with a few bytes changed, inserted or taken out."""
    made = draw(st.sampled_from(HEADS))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(made)))
        gone = draw(st.integers(0, 3))
        made = made[:at] + draw(st.binary(max_size=3)) + made[at + gone :]
    return made[: draw(st.sampled_from([len(made), len(made), len(made), 40, 250, 300]))]


def heard(sent: list[bytes], heads: dict[bytes, int]) -> list[tuple[bytes, bool]]:
    asked = Conversation(decide, Secret(KEY), heads)
    return [(asked.receive(data), asked.ended) for data in sent]


@settings(max_examples=1500, deadline=None)
@given(st.lists(pieces(), min_size=1, max_size=8), st.lists(st.sampled_from(HEADS), max_size=8))
@example([question(SHORT)[: -len(SHORT)], SHORT, SHORT], [SHORT])
@example([SHORT + SHORT[:300], SHORT], [SHORT])
@example([SHORT.replace(b"\r\n\r\n", b"\n\n") + SHORT] * 2, [])
def test_a_remembered_head_changes_no_answer(sent: list[bytes], before: list[bytes]) -> None:
    """`before` was asked on other connections with the same key."""
    heads: dict[bytes, int] = {}
    for data in before:
        heard([data], heads)
    assert heard(sent, heads) == heard(sent, Forgetful())


def test_the_comparison_finds_a_path_that_is_too_fast() -> None:
    """Sabotage."""
    wrong = [data for data in HEADS if heard([data], Careless()) != heard([data], Forgetful())]
    assert question(header="X-API-Key: other\r\n", login="bob") in wrong


def test_a_head_is_remembered_only_with_the_right_key_and_not_for_ever() -> None:
    heads: dict[bytes, int] = {}
    for data in HEADS[5:9]:
        heard([data], heads)
    assert heads == {}
    assert heard([SHORT, SHORT], heads) == [(LET_IN, False)] * 2
    assert heads == {SHORT.partition(b"\r\n\r\n")[0]: len(SHORT.partition(b"\r\n\r\n")[2])}
    for number in range(3 * REMEMBERED):
        heard([SHORT.replace(b"05:48:05", b"%08d" % number)], heads)
    assert 0 < len(heads) <= REMEMBERED
