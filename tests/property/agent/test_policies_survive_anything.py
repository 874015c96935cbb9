# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.core.secret import Secret
from evict.systems.dovecot import policy as dovecot
from evict.systems.postfix import policy as postfix
from tests.unit.systems.dovecot.test_policy import KEY, question
from tests.unit.systems.postfix.test_policy import request


def decide(login: bytes, _mechanism: bytes) -> bool:
    return login != b"alice"


NAMES = st.one_of(st.sampled_from(["alice", "bob", ""]), st.text(max_size=8))
DOVECOT = st.one_of(st.binary(max_size=60), NAMES.map(lambda name: question(login=name)))
POSTFIX = st.one_of(
    st.binary(max_size=60),
    NAMES.map(lambda name: request(name.encode("utf-8", "replace").decode())),
)
CUTS = st.lists(st.integers(1, 200), max_size=12)


def fed(made: dovecot.Conversation | postfix.Conversation, sent: bytes, cuts: list[int]) -> bytes:
    answer = b""
    for size in cuts:
        answer += made.receive(sent[:size])
        sent = sent[size:]
    return answer + made.receive(sent)


@settings(max_examples=300, deadline=None)
@given(st.lists(DOVECOT, max_size=4).map(b"".join), CUTS)
def test_dovecots_answers_do_not_hang_on_how_the_bytes_come(sent: bytes, cuts: list[int]) -> None:
    whole = fed(dovecot.Conversation(decide, Secret(KEY)), sent, [])
    assert fed(dovecot.Conversation(decide, Secret(KEY)), sent, cuts) == whole
    for head in whole.split(b"HTTP/1.1 ")[1:]:
        assert head[:3] in (b"200", b"400", b"401", b"403")


@settings(max_examples=300, deadline=None)
@given(st.lists(POSTFIX, max_size=4).map(b"".join), CUTS)
def test_postfixs_answers_do_not_hang_on_how_the_bytes_come(sent: bytes, cuts: list[int]) -> None:
    whole = fed(postfix.Conversation(decide), sent, [])
    assert fed(postfix.Conversation(decide), sent, cuts) == whole
    assert whole.replace(postfix.LET_IN, b"").replace(postfix.REFUSE, b"") == b""
