# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.systems.postfix import policy
from evict.systems.postfix.policy import MAX_REQUEST, Conversation


def request(login: str = "bob", *, state: str = "RCPT", method: str = "PLAIN") -> bytes:
    """As Postfix 3.7 sends it, the attributes without interest left out."""
    return (
        f"request=smtpd_access_policy\nprotocol_state={state}\nprotocol_name=ESMTP\n"
        f"client_address=127.0.0.1\nhelo_name=x\nsender=bob@corp.test\nrecipient=x@corp.test\n"
        f"sasl_method={method}\nsasl_username={login}\nsasl_sender=\nsize=0\n\n"
    ).encode()


def decide(login: bytes, mechanism: bytes) -> bool | None:
    return None if login == b"early" else login != b"alice" and mechanism != b"GSSAPI"


@pytest.mark.parametrize("state", ["MAIL", "RCPT", "DATA", "END-OF-MESSAGE"])
def test_a_closed_sender_is_refused_and_cut_wherever_it_is_asked(state: str) -> None:
    asked = Conversation(decide)
    assert asked.receive(request("alice", state=state)) == b"action=521 5.7.1 Access denied\n\n"
    assert asked.receive(request("bob", state=state)) == b"action=DUNNO\n\n"


def test_without_a_snapshot_nobody_who_logged_in_sends() -> None:
    answer = Conversation(decide).receive(request("early"))
    assert answer == policy.NOT_NOW
    assert answer.startswith(b"action=421 4.3.2 ")


def test_a_ticket_is_told_from_a_password() -> None:
    assert Conversation(decide).receive(request("bob", method="GSSAPI")) == policy.REFUSE


@pytest.mark.parametrize(
    "sent",
    [
        request(""),
        b"request=smtpd_access_policy\nprotocol_state=RCPT\n\n",
        b"request=smtpd_access_policy\n\n",
    ],
)
def test_a_sender_without_a_login_is_nobodys(sent: bytes) -> None:
    assert Conversation(decide).receive(sent) == policy.LET_IN


def test_the_first_attribute_counts() -> None:
    sent = b"request=smtpd_access_policy\nsasl_username=alice\nsasl_username=bob\n\n"
    assert Conversation(decide).receive(sent) == policy.REFUSE


def test_a_name_inside_another_attribute_does_not_count() -> None:
    sent = b"request=smtpd_access_policy\nhelo_name=sasl_username=alice\nsasl_username=bob\n\n"
    assert Conversation(decide).receive(sent) == policy.LET_IN


def test_pipelined_and_fragmented_requests_are_answered_in_order() -> None:
    sent = request("alice") + request("bob") + request("alice")
    expected = policy.REFUSE + policy.LET_IN + policy.REFUSE
    assert Conversation(decide).receive(sent) == expected
    asked = Conversation(decide)
    assert b"".join(asked.receive(sent[n : n + 1]) for n in range(len(sent))) == expected


@pytest.mark.parametrize(
    "sent", [b"\n\n", b"GET / HTTP/1.1\n\n", b"sasl_username=bob\n\n", b"request=other\n\n"]
)
def test_what_is_no_request_ends_the_connection_without_an_answer(sent: bytes) -> None:
    asked = Conversation(decide)
    assert asked.receive(sent + request("bob")) == b""
    assert asked.ended
    assert asked.receive(request("bob")) == b""


def test_a_request_without_an_end_ends_the_connection() -> None:
    asked = Conversation(decide)
    for _ in range(MAX_REQUEST // 1000 + 1):
        asked.receive(b"x" * 1000)
    assert asked.ended
    whole = Conversation(decide)
    assert whole.receive(b"request=smtpd_access_policy\nx=" + b"y" * MAX_REQUEST + b"\n\n") == b""
    assert whole.ended


@pytest.mark.parametrize(
    ("attributes", "answer"),
    [
        (b"sasl_method=GSSAPI\nsasl_username=bob\n", policy.REFUSE),
        (b"sasl_username=bob\nsasl_method=GSSAPI\n", policy.REFUSE),
        (b"sasl_username=bob\nsasl_method=PLAIN\n", policy.LET_IN),
        (b"x=sasl_method=GSSAPI\nsasl_username=bob\n", policy.LET_IN),
        (b"sasl_method=\nsasl_username=bob\n", policy.LET_IN),
    ],
)
def test_the_mechanism_is_found_on_either_side_of_the_name(
    attributes: bytes, answer: bytes
) -> None:
    sent = b"request=smtpd_access_policy\n" + attributes + b"\n"
    assert Conversation(decide).receive(sent) == answer
