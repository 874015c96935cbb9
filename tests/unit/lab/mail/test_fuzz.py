# SPDX-License-Identifier: Apache-2.0
"""Texts of any kind are a command or none, a mail or an empty one; nothing else comes out."""

from __future__ import annotations

import contextlib
import email
import email.policy

from hypothesis import given, settings
from hypothesis import strategies as st

from evict.lab.mail import imap_syntax, rendering
from evict.lab.mail.imap_commands import Commands, Refused
from evict.lab.mail.imap_syntax import BadCommand, Command
from evict.lab.model.mailbox import Mailbox, Message

_TEXT = st.text(max_size=60)
_WORDS = st.sampled_from(
    [
        b"a", b"UID", b"FETCH", b"STORE", b"SEARCH", b"SELECT", b"LIST", b"STATUS", b"COPY",
        b"APPEND", b"EXPUNGE", b"CLOSE", b"1", b"1:*", b"*", b"(", b")", b'"', b'"x"', b"{1}",
        b"FLAGS", b"+FLAGS", b"(\\Seen)", b"BODY[TEXT]", b"BODY[", b"ENVELOPE", b"NOT", b"OR",
        b"ALL", b"SINCE", b"1-Jan-2024", b"INBOX", b"%", b"FULL", b"(MESSAGES)", b"\xff", b" ",
    ]
)  # fmt: skip


def message(**fields: object) -> Message:
    given: dict[str, object] = {
        "id": "1", "sender": "a@b.example", "to": ("c@d.example",), "subject": "s",
        "body": "b", "received": 1e9,
    }  # fmt: skip
    return Message(**{**given, **fields})  # type: ignore[arg-type]


def box() -> Mailbox:
    made = Mailbox(
        sam="a",
        guid="00000000-0000-4000-8000-000000000001",
        display_name="A",
        addresses=["a@b.example"],
        database="DB01",
    )
    made.put("Inbox", message())
    made.put("Inbox", message(id="2", subject="\u00e9"))
    return made


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
@settings(max_examples=400, deadline=None)
def test_any_octets_are_a_command_or_none(parts: list[bytes]) -> None:
    read: Command | None = None
    with contextlib.suppress(BadCommand):
        read = imap_syntax.parse(parts)
    assert read is None or read.name.isupper()


@given(st.lists(_WORDS, max_size=10), st.lists(st.binary(max_size=5), max_size=3))
@settings(max_examples=800, deadline=None)
def test_any_words_run_or_are_refused(words: list[bytes], literals: list[bytes]) -> None:
    commands = Commands(box(), lambda: 1e9)
    list(commands.run(imap_syntax.parse([b"s SELECT INBOX"])))
    try:
        command = imap_syntax.parse([b"t " + b" ".join(words), *literals])
        told = b"".join(commands.run(command))
    except (BadCommand, Refused):
        return
    assert told == b"" or told.startswith(b"* ")
    for line in commands.news(expunges=True):
        assert line.startswith(b"* ")


@given(sender=_TEXT, to=st.lists(_TEXT, max_size=3), subject=_TEXT, body=st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_message_can_be_read(sender: str, to: list[str], subject: str, body: str) -> None:
    content = rendering.octets(message(sender=sender, to=tuple(to), subject=subject, body=body))
    assert all(b"\n" not in line for line in content.split(b"\r\n"))
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert read.get_content_type() == "text/plain"
    assert rendering.fields_of(content)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_octets_are_a_mail(content: bytes) -> None:
    for handed_in in (content, b"Subject: x\r\nContent-Type: " + content, b"From: " + content):
        assert isinstance(rendering.parse(handed_in).body, str)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_folder_name_comes_back(name: str) -> None:
    clean = name.encode("utf-8", "replace").decode()
    encoded = imap_syntax.encode_name(clean)
    assert encoded.isascii()
    assert imap_syntax.decode_name(encoded) == clean
