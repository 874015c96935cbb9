# SPDX-License-Identifier: Apache-2.0
"""The questions are those of Dovecot 2.3.19.1 (Debian 12), byte for byte."""

from __future__ import annotations

import json

import pytest

from evict.core.secret import Secret
from evict.systems.dovecot import policy
from evict.systems.dovecot.policy import Conversation

KEY = "policy-key"


def question(
    body: bytes | None = None,
    *,
    login: str = "bob",
    requested: str | None = None,
    mech: str = "PLAIN",
    command: str = "allow",
    header: str = f"X-API-Key:  {KEY}\r\n",
    method: str = "POST",
) -> bytes:
    if body is None:
        attributes = {
            "login": login,
            "mech": mech,
            "protocol": "imap",
            "remote": "127.0.0.1",
            "requested": login if requested is None else requested,
            "session": "snoYQf9g96V/WwEB",
            "tls": False,
        }
        body = json.dumps(attributes, separators=(",", ":")).encode()
    head = (
        f"{method} /?command={command} HTTP/1.1\r\nHost: 127.0.0.1:4001\r\n"
        "Date: Tue, 24 Nov 2026 05:48:05 GMT\r\nUser-Agent: dovecot/auth-policy-client\r\n"
        f"Content-Length: {len(body)}\r\nConnection: Keep-Alive\r\n"
        f"Content-Type: application/json\r\n{header}\r\n"
    )
    return head.encode() + body


def decide(login: bytes, mechanism: bytes) -> bool | None:
    return None if login == b"early" else not login.startswith(b"alice") and mechanism != b"GSSAPI"


def conversation() -> Conversation:
    return Conversation(decide, Secret(KEY))


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (question(), policy.LET_IN),
        (question(login="alice"), policy.REFUSE),
        (question(login="alice", requested="boss"), policy.REFUSE),
        (question(login="bob", requested="alice"), policy.REFUSE),
        (question(login="bob", requested="early"), policy.NOT_NOW),
        (question(login="bob", requested=""), policy.LET_IN),
        (question(login="early"), policy.NOT_NOW),
        (question(mech="GSSAPI"), policy.REFUSE),
        (question(login="alice", command="report"), policy.LET_IN),
    ],
)
def test_an_answer_rests_on_both_names(sent: bytes, answer: bytes) -> None:
    asked = conversation()
    assert asked.receive(sent) == answer
    assert not asked.ended


@pytest.mark.parametrize("text", [policy.LET_IN, policy.REFUSE, policy.NOT_NOW])
def test_an_answer_is_json_of_the_length_it_says(text: bytes) -> None:
    head, _, body = text.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["status"] == (0 if text == policy.LET_IN else -1)


def test_pipelined_questions_are_answered_in_order() -> None:
    sent = question() + question(login="alice") + question(command="report") + question()
    asked = conversation()
    expected = policy.LET_IN + policy.REFUSE + policy.LET_IN + policy.LET_IN
    assert asked.receive(sent) == expected


def test_a_question_in_single_bytes_is_answered_the_same() -> None:
    asked = conversation()
    sent = question(login="alice")
    answers = [asked.receive(sent[n : n + 1]) for n in range(len(sent))]
    assert b"".join(answers) == policy.REFUSE
    assert answers[-1] == policy.REFUSE


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (question(header=""), policy.NO_KEY),
        (question(header="X-API-Key: other\r\n"), policy.WRONG_KEY),
        (question(header=f"X-API-Key: {KEY}x\r\n"), policy.WRONG_KEY),
        (question(header="X-API-Key: \r\n"), policy.WRONG_KEY),
        (question(command="report", header=""), policy.NO_KEY),
        (question(b"{"), policy.MALFORMED),
        (question(b"[]"), policy.MALFORMED),
        (question(b'{"login":7}'), policy.MALFORMED),
        (question(b'{"login":"\xff"}'), policy.MALFORMED),
        (question(command="deny"), policy.MALFORMED),
        (question(b"", method="GET"), policy.MALFORMED),
        (b"nonsense\r\n\r\n", policy.MALFORMED),
        (question(header=f"X-API-Key: {KEY}\r\nUpgrade: x\r\n", method="GET"), policy.MALFORMED),
    ],
)
def test_what_is_no_question_of_ours_ends_the_connection(sent: bytes, answer: bytes) -> None:
    asked = conversation()
    assert asked.receive(sent + question()) == answer
    assert asked.ended
    assert asked.receive(question()) == b""


def test_a_head_without_an_end_is_cut_off() -> None:
    asked = conversation()
    answers = asked.receive(b"POST /?command=allow HTTP/1.1\r\n")
    for _ in range(40):
        answers += asked.receive(b"X: " + b"x" * 1000 + b"\r\n")
    assert answers == policy.MALFORMED


def test_a_body_without_an_end_is_cut_off() -> None:
    asked = conversation()
    head = question().replace(b"Content-Length: ", b"Content-Length: 9")
    answers = asked.receive(head)
    for _ in range(40):
        answers += asked.receive(b"x" * 1000)
    assert answers == policy.MALFORMED


def test_a_client_that_wants_to_close_is_closed_after_the_answer() -> None:
    asked = conversation()
    assert asked.receive(question().replace(b"Keep-Alive", b"close")) == policy.LET_IN
    assert asked.ended


def test_no_answer_says_anything_of_the_name() -> None:
    asked = conversation()
    assert b"alice" not in asked.receive(question(login="alice<script>"))
