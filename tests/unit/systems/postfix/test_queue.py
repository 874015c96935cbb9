# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.core.errors import AccessRefused, RemoteProtocolError
from evict.systems.command import Tool
from evict.systems.postfix.queue import Mail, Queue, of_sender, parse
from tests.unit.systems.postfix.fake_tools import RECORDED, FakePostfix

FORMS = frozenset({"alice@corp.test", "a.smith@corp.test", "alice"})


def queue(postfix: FakePostfix) -> Queue:
    section = postfix.section()
    tool = Tool(system="postfix", prefix=section.command_prefix)
    return Queue(tool, tool, section.config_directory)


def test_what_postqueue_prints_is_read() -> None:
    mails = parse((RECORDED / "postqueue-3.7-j.txt").read_text())
    assert mails == (
        Mail("deferred", "9B1CB1680A1", "alice@corp.test"),
        Mail("deferred", "9CAFB1680C2", "bob@corp.test"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"queue_name": "deferred", "queue_id": "ABCDEF"}',
        '{"queue_name": "deferred", "queue_id": "ALL", "sender": "a@b.test"}',
        '{"queue_name": "deferred", "queue_id": "-h", "sender": "a@b.test"}',
        '{"queue_name": "deferred", "queue_id": "ABCDEF\\nALL", "sender": "a@b.test"}',
        "Mail queue is empty",
    ],
)
def test_a_line_that_is_no_mail_is_not_passed_over(line: str) -> None:
    good = '{"queue_name": "hold", "queue_id": "3mVCyH0fFJzZ", "sender": ""}\n'
    assert len(parse(good)) == 1
    with pytest.raises(ValueError, match=r".+"):
        parse(good + line)


@given(st.text())
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    with suppress(ValueError):
        assert all(mail.queue_id.isalnum() for mail in parse(text))


def test_the_leavers_mail_is_known_by_any_of_the_addresses() -> None:
    senders = ["alice@corp.test", "ALICE@Corp.test", "a.smith+x@corp.test", "bob@corp.test", ""]
    senders += ["alice@far.test", "malice@corp.test", "alice@corp.test\u202e"]
    mails = [Mail("deferred", f"AAAA{n}", sender) for n, sender in enumerate(senders)]
    assert [m.sender for m in of_sender(mails, FORMS)] == senders[:3]


async def test_mail_is_held_and_released_by_its_id(postfix: FakePostfix) -> None:
    postfix.queue([("deferred", "AAAA1", "a@b.test"), ("active", "AAAA2", "a@b.test")])
    assert await queue(postfix).hold(["AAAA1", "GONE99"]) == 1
    assert postfix.queued() == {"AAAA1": "hold", "AAAA2": "active"}
    assert await queue(postfix).release(["AAAA1", "AAAA2"]) == 1
    assert postfix.queued() == {"AAAA1": "deferred", "AAAA2": "active"}


@pytest.mark.parametrize("bad", ["ALL", "-H", "", "AAAA1\nALL", "AAAA1 ", "ÄÄÄÄÄ", "../../x"])
async def test_what_is_no_queue_id_is_never_handed_on(postfix: FakePostfix, bad: str) -> None:
    postfix.queue([("deferred", "AAAA1", "a@b.test")])
    with pytest.raises(RemoteProtocolError, match="queue id"):
        await queue(postfix).hold(["AAAA1", bad])
    assert postfix.queued() == {"AAAA1": "deferred"}


async def test_no_root_is_said(postfix: FakePostfix) -> None:
    postfix.take_root_away()
    with pytest.raises(AccessRefused, match="superuser"):
        await queue(postfix).hold(["AAAA1"])
