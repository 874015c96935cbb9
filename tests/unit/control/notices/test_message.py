# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.control.notices.message import body, mail
from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import Notice

NOW = datetime(2026, 11, 24, 18, 0, 0, 5, tzinfo=UTC)
NAMES = {
    b"From",
    b"To",
    b"Subject",
    b"Date",
    b"Message-ID",
    b"Auto-Submitted",
    b"Precedence",
    b"Content-Type",
    b"Content-Transfer-Encoding",
    b"MIME-Version",
}


def notice(kind: NewsKind, subject: str, *lines: str) -> Notice:
    news = News(kind=kind, key="k", subject=subject, lines=lines)
    return Notice(id="msg_1", way="mail", news=news, at=NOW, due=NOW)


_TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@given(_TEXT, st.lists(_TEXT, max_size=5), st.sampled_from(NewsKind))
def test_whatever_is_told_a_mail_keeps_its_form(
    subject: str, lines: list[str], kind: NewsKind
) -> None:
    raw = mail(
        notice(kind, subject, *lines),
        sender="Evict <evict@corp.example>",
        recipients=("a@corp.example", "b@corp.example"),
        host="evict.corp.example",
    )
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert re.search(rb"[^\r]\n|\r[^\n]", raw) is None
    head = raw.partition(b"\r\n\r\n")[0]
    found = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert set(found) == NAMES
    assert len(found) == len(NAMES)
    parsed = message_from_bytes(raw, policy=SMTP)
    assert parsed["To"] == "a@corp.example, b@corp.example"
    assert parsed["Message-ID"] == "<msg_1@evict.corp.example>"


@given(_TEXT, st.lists(_TEXT, max_size=5), st.sampled_from(NewsKind))
def test_a_body_is_json_of_the_specifications_form(
    subject: str, lines: list[str], kind: NewsKind
) -> None:
    said = json.loads(body(notice(kind, subject, *lines)))
    assert set(said) == {"type", "timestamp", "data"}
    assert re.fullmatch(r"[a-zA-Z0-9_.]+", said["type"])
    assert said["timestamp"] == "2026-11-24T18:00:00.000005Z"
    assert said["data"]["subject"] == subject
    assert said["data"]["lines"] == lines


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?x=0D=0ABcc:_mallory@corp.example?=",
        "=?utf-8?b?eA0KQmNjOiBtYWxsb3J5QGNvcnAuZXhhbXBsZQ==?=",
        "=?utf-8?q?=0D=0A=0D=0Aanother_text?=",
        "=?utf-8?q?=00?=",
        "=\r\n?utf-8?q?x=0ABcc:_mallory@corp.example?=",
        "=\x00?utf-8?q?x=0ABcc:_mallory@corp.example?=",
        "==??utf-8?q?x=0ABcc:_mallory@corp.example?=",
    ],
)
def test_an_encoded_word_in_a_name_stays_text(name: str) -> None:
    raw = mail(
        notice(NewsKind.HELD, f"{name} is held", "a line"),
        sender="evict@corp.example",
        recipients=("a@corp.example",),
        host="evict.corp.example",
    )
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\0" not in head
    lines = re.split(rb"\r\n|\r|\n", head)
    assert {line.partition(b":")[0] for line in lines if line[:1] not in b" \t"} == NAMES
    shown = message_from_bytes(raw, policy=SMTP)["Subject"]
    assert "utf-8?" in shown
    assert shown.endswith("is held")
