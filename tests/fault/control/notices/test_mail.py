# SPDX-License-Identifier: Apache-2.0
"""Mail notices through servers that are good, strict, or speak the protocol badly."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from evict.config.notify import MailNotice
from evict.control.notices.mail import Mail, dotted
from evict.control.notices.message import mail
from evict.control.notices.news import News, NewsKind
from evict.control.notices.notice import NotDelivered, Notice
from tests.contract.fakes import Authority
from tests.fault.control.notices.receivers import scripted, smtp

HOST = "127.167.2.1"
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


def notice(subject: str = "alice@corp.example: held", *lines: str) -> Notice:
    news = News(kind=NewsKind.HELD, key="k", subject=subject, lines=lines)
    return Notice(id="msg_1", way="mail", news=news, at=NOW, due=NOW)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def section(server: str, ca_file: Path | None = None, **more: object) -> MailNotice:
    plain = MailNotice(
        server=server,
        security="none",
        sender="Evict Überwachung <evict@corp.example>",
        recipients=("soc@corp.example", "chief@corp.example"),
        ca_file=ca_file,
    )
    return structs.replace(plain, **more)


@pytest.mark.parametrize("how", ["starttls", "implicit", "none"])
async def test_a_notice_arrives_whole_whatever_the_security(tmp_path: Path, how: str) -> None:
    authority = Authority(tmp_path)
    with smtp(HOST, free_port(), authority.context(HOST), how) as box:
        way = Mail(section(box.server, authority.ca_file, security=how))
        await way.send(notice("Jürgen Müßig ist zurück", ".a line that begins with a dot", "ü"))
    (got,) = box.mails
    assert got["From"] == "Evict Überwachung <evict@corp.example>"
    assert got["Subject"] == "[evict] held: Jürgen Müßig ist zurück"
    assert got["To"] == "soc@corp.example, chief@corp.example"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"].startswith("<msg_1@")
    assert got["Date"].datetime == NOW
    assert "\n.a line that begins with a dot\nü\n" in got.get_content().replace("\r\n", "\n")
    assert box.raw[0].isascii()
    assert box.envelopes == [("evict@corp.example", ("soc@corp.example", "chief@corp.example"))]


@pytest.mark.parametrize("mechanisms", [(), ("PLAIN",)], ids=["PLAIN", "LOGIN"])
async def test_it_signs_in_with_a_password_beyond_ascii(
    tmp_path: Path, mechanisms: tuple[str, ...]
) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "password").write_text("päss")
    (tmp_path / "password").chmod(0o600)
    more = {"auth_exclude_mechanism": mechanisms, "auth_required": True}
    with smtp(HOST, free_port(), authority.context(HOST), "starttls", **more) as box:
        settings = section(
            box.server,
            authority.ca_file,
            security="starttls",
            user="evict",
            password_file=tmp_path / "password",
        )
        await Mail(settings).send(notice())
        assert box.users == ["evict"]
        (tmp_path / "password").write_text("wrong")
        with pytest.raises(NotDelivered, match="AUTH: 535") as refused:
            await Mail(settings).send(notice())
        assert not refused.value.alone
        assert "wrong" not in refused.value.text


async def test_a_certificate_of_somebody_else_gets_neither_password_nor_notice(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    with smtp(HOST, free_port(), authority.context("other.example"), "implicit") as box:
        way = Mail(section(box.server, authority.ca_file, security="implicit"))
        with pytest.raises(NotDelivered, match="certificate does not verify"):
            await way.send(notice())
    assert box.mails == []


async def test_a_server_that_does_not_do_starttls_gets_nothing() -> None:
    with smtp(HOST, free_port(), None, "none") as box:
        with pytest.raises(NotDelivered, match="no STARTTLS"):
            await Mail(section(box.server, security="starttls")).send(notice())
        assert box.mails == []


async def _greets_and_hangs(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    await asyncio.sleep(3600)


async def _drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"2")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _never_ends(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-here\r\n" * 100)
        await writer.drain()


async def _speaks_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


async def _is_full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    for answer in (b"250 hello\r\n", b"250 from\r\n", b"452 full\r\n", b"452 full\r\n"):
        await reader.readline()
        writer.write(answer)


async def _dies_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    for answer in (b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
        await reader.readline()
        writer.write(answer)
    await reader.readuntil(b"\r\n.\r\n")


async def _refuses_content(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _dies_at_the_end(reader, writer)
    writer.write(b"554 no such words here\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("script", "says", "alone"),
    [
        (_greets_and_hangs, "no answer in time|not done within", False),
        (_drips, "no answer in time|not done within|sent", False),
        (_never_ends, "without an end", False),
        (_speaks_http, "sent a reply", False),
        (_is_full, "no recipient is taken: 452 full", False),
        (_dies_at_the_end, "the end of DATA: the server ended", False),
        (_refuses_content, "the end of DATA: 554", True),
    ],
)
async def test_a_bad_server_is_told_apart_and_holds_up_nobody(
    script: object, says: str, *, alone: bool
) -> None:
    async with scripted(HOST, script) as port:  # type: ignore[arg-type]
        way = Mail(section(f"{HOST}:{port}"), patience_s=0.6)
        async with asyncio.timeout(2):
            with pytest.raises(NotDelivered, match=says) as failed:
                await way.send(notice())
    assert failed.value.alone is alone


async def test_nobody_there_is_said() -> None:
    with pytest.raises(NotDelivered, match="no connection"):
        await Mail(section(f"{HOST}:{free_port()}")).send(notice())


@pytest.mark.parametrize(
    "text", ["a\r\nBcc: mallory@evil.example", "a\nX: y", "a\x00b", "a\u2028Bcc: x", "a\x85b"]
)
def test_nothing_in_a_subject_becomes_a_header(text: str) -> None:
    raw = mail(notice(text, text), sender="e@x.example", recipients=("s@x.example",), host="h.x")
    head, _, body = raw.partition(b"\r\n\r\n")
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")]
    assert names == [
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
    ]
    assert b"\r\nBcc" not in body


def test_dots_are_doubled_and_end_the_message_once() -> None:
    assert dotted(b".a\r\n..b\r\nc") == b"..a\r\n...b\r\nc\r\n.\r\n"
    assert dotted(b"a\r\n") == b"a\r\n.\r\n"


async def test_the_tests_server_can_refuse() -> None:
    """A twin: what makes the tests above fail."""
    with smtp(HOST, free_port(), None, "none", auth_required=True) as box:
        with pytest.raises(NotDelivered, match="530"):
            await Mail(section(box.server)).send(notice())
        assert box.mails == []
