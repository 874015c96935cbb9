# SPDX-License-Identifier: Apache-2.0
"""Python's own client, unmodified, against the organisation's IMAP."""

from __future__ import annotations

import email
import imaplib
import ssl
import threading
import time
from typing import Any

import pytest

from evict.lab.model.words import Protocol
from tests.unit.lab.mail.towns import ALICE, Town, outside


def connect(town: Town) -> imaplib.IMAP4_SSL:
    client = imaplib.IMAP4_SSL(town.host, town.imap, ssl_context=town.client_tls, timeout=10)
    town.closers.append(client.shutdown)
    return client


def octets(data: list[Any]) -> bytes:
    """The literal of the first message fetched."""
    return bytes(data[0][1])


def logged_in(town: Town, name: str = "alice@corp.example") -> imaplib.IMAP4_SSL:
    client = connect(town)
    client.login(name, ALICE)
    return client


@pytest.mark.parametrize("name", ["alice@corp.example", "CORP\\alice", "alice"])
async def test_a_client_logs_in_lists_and_reads(town: Town, name: str) -> None:
    town.mail("Grüße", "Zeile eins\n.\nüber alles\n")
    town.mail("Second")

    def act() -> None:
        client = logged_in(town, name)
        assert "IDLE" in client.capabilities
        status, folders = client.list()
        assert status == "OK"
        assert any(isinstance(f, bytes) and b'"Sent Items"' in f for f in folders)
        assert client.select("INBOX") == ("OK", [b"2"])
        _, found = client.search(None, "UNSEEN")
        assert found == [b"1 2"]
        _, data = client.fetch("1", "(FLAGS UID RFC822.SIZE INTERNALDATE BODY.PEEK[])")
        assert isinstance(data[0], tuple)
        mail = email.message_from_bytes(data[0][1], policy=email.policy.default)
        assert mail["Subject"] == "Grüße"
        assert mail["From"] == "carol@elsewhere.example"
        assert mail.get_content().splitlines() == ["Zeile eins", ".", "über alles"]
        assert f"RFC822.SIZE {len(data[0][1])}".encode() in data[0][0]
        _, found = client.search(None, "UNSEEN")
        assert found == [b"1 2"], "a peek marks nothing"
        client.fetch("1", "(RFC822)")
        _, found = client.search(None, "UNSEEN")
        assert found == [b"2"]
        client.logout()

    await outside(act)
    box = town.organisation.mailboxes["alice"]
    assert [m.read for m in box.messages["Inbox"]] == [True, False], "the model knows it too"
    await town.gone()


async def test_plain_and_uids_and_flags_and_removal(town: Town) -> None:
    for number in range(4):
        town.mail(f"Mail {number}")

    def act() -> None:
        client = connect(town)
        client.authenticate("PLAIN", lambda _: b"\0alice@corp.example\0" + ALICE.encode())
        client.select("Inbox")
        _, found = client.uid("SEARCH", "SUBJECT", '"mail 2"')
        assert found == [b"3"]
        _, told = client.uid("STORE", "3", "+FLAGS", "(\\Deleted \\Flagged)")
        assert told == [b"3 (UID 3 FLAGS (\\Deleted \\Flagged))"]
        _, found = client.search(None, "NOT", "DELETED", "SINCE", "1-Jan-2020")
        assert found == [b"1 2 4"]
        assert client.expunge() == ("OK", [b"3"])
        _, found = client.uid("SEARCH", "ALL")
        assert found == [b"1 2 4"], "a uid is never given again"
        _, data = client.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")
        assert len(data) == 3
        assert all(b'"carol" "elsewhere.example"' in line for line in data if line)
        _, data = client.fetch("2", "(BODY.PEEK[HEADER.FIELDS (Subject To)]<0.9>)")
        assert octets(data) == b"To: alice"
        client.store("1", "FLAGS", "(\\Seen)")
        assert client.status("INBOX", "(MESSAGES UNSEEN UIDNEXT)")[1] == [
            b'"INBOX" (MESSAGES 3 UNSEEN 2 UIDNEXT 5)'
        ]
        client.append(
            '"Sent Items"', "(\\Seen)", "", b"Subject: Kept\r\nTo: x@y.example\r\n\r\nText"
        )
        assert client.select('"Sent Items"', readonly=True) == ("OK", [b"1"])
        _, data = client.fetch("1", "BODY[HEADER.FIELDS (SUBJECT)]")
        assert octets(data) == b"Subject: Kept\r\n\r\n"
        assert client.store("1", "+FLAGS", "(\\Flagged)")[0] == "NO"
        client.logout()

    await outside(act)
    assert len(town.organisation.mailboxes["alice"].messages["Inbox"]) == 3


async def test_copies_and_closing_a_folder(town: Town) -> None:
    for number in range(3):
        town.mail(f"Mail {number}")

    def act() -> None:
        client, other = logged_in(town), logged_in(town)
        client.select("INBOX")
        other.select("INBOX")
        assert client.copy("1:2", '"Deleted Items"')[0] == "OK"
        assert client.copy("1", "Nowhere")[0] == "NO"
        client.store("1:2", "+FLAGS.SILENT", "\\Deleted")
        assert client.uid("EXPUNGE", "2")[0] == "OK"
        assert other.noop()[0] == "OK"
        assert other.response("EXPUNGE")[1] == [b"2"]
        assert client.close()[0] == "OK"
        assert client.select('"Deleted Items"') == ("OK", [b"2"])
        assert client.unselect()[0] == "OK"
        assert client.create("New")[0] == "NO"
        client.logout()
        other.logout()

    await outside(act)
    left = town.organisation.mailboxes["alice"].messages["Inbox"]
    assert [message.subject for message in left] == ["Mail 2"]


async def test_new_mail_is_told_of_at_noop_and_wakes_an_idle(town: Town) -> None:
    woken = threading.Event()
    client = await outside(lambda: logged_in(town))

    def begin() -> None:
        client.select("INBOX")
        client.send(b"t1 IDLE\r\n")
        assert client.readline().startswith(b"+")

    def wait() -> bytes:
        woken.set()
        return client.readline()

    await outside(begin)
    town.mail("Wake up")
    assert await outside(wait) == b"* 1 EXISTS\r\n"

    def finish() -> None:
        client.send(b"DONE\r\n")
        assert client.readline().startswith(b"t1 OK")
        client.logout()

    await outside(finish)
    assert not town.organisation.mailboxes["alice"].watchers


async def test_what_ends_a_session_ends_its_connection_with_a_word(town: Town) -> None:
    idle, quiet = await outside(lambda: (logged_in(town), logged_in(town)))

    def begin() -> None:
        idle.select("INBOX")
        idle.send(b"t1 IDLE\r\n")
        idle.readline()

    await outside(begin)
    began = time.monotonic()
    assert town.organisation.restart_service("ex01", "MSExchangeImap4") == 2

    def see() -> None:
        assert idle.readline().startswith(b"* BYE")
        assert idle.readline() == b""
        with pytest.raises((imaplib.IMAP4.abort, OSError)):
            quiet.noop()

    await outside(see)
    assert time.monotonic() - began < 1
    assert not town.organisation.sessions.live


async def test_a_disable_refuses_the_next_login_and_leaves_the_live_session(town: Town) -> None:
    client = await outside(lambda: logged_in(town))
    town.organisation.directory.disable("alice")

    def act() -> None:
        assert client.noop()[0] == "OK"
        with pytest.raises(imaplib.IMAP4.error, match=r"LOGIN failed"):
            logged_in(town)
        client.logout()

    await outside(act)


async def test_a_feature_that_is_off_refuses_like_a_wrong_password(town: Town) -> None:
    town.organisation.set_features("alice", imap=False)

    def said(password: str) -> str:
        client = connect(town)
        with pytest.raises(imaplib.IMAP4.error) as refused:
            client.login("alice@corp.example", password)
        client.shutdown()
        return str(refused.value)

    assert await outside(lambda: said(ALICE)) == await outside(lambda: said("wrong"))


async def test_an_idle_session_ends_after_its_half_hour_on_the_lab_clock(town: Town) -> None:
    client = await outside(lambda: logged_in(town))
    town.clock.move(1801)
    town.organisation.tick()
    assert not town.organisation.sessions.live
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        await outside(client.noop)


async def test_sixteen_connections_of_one_user_and_no_more(town: Town) -> None:
    clients = await outside(lambda: [logged_in(town) for _ in range(16)])
    assert len(town.organisation.sessions.of("alice")) == 16

    def one_more() -> None:
        with pytest.raises(imaplib.IMAP4.error):
            logged_in(town)

    await outside(one_more)
    await outside(lambda: [client.logout() for client in clients])
    await town.gone()


async def test_starttls_and_no_login_before_it(town: Town) -> None:
    def act() -> None:
        client = imaplib.IMAP4(town.host, town.imap_plain, timeout=10)
        town.closers.append(client.shutdown)
        assert "LOGINDISABLED" in client.capabilities
        with pytest.raises(imaplib.IMAP4.error):
            client.login("alice@corp.example", ALICE)
        client.starttls(town.client_tls)
        assert "LOGINDISABLED" not in client.capabilities
        client.login("alice@corp.example", ALICE)
        assert isinstance(client.sock, ssl.SSLSocket)
        client.logout()

    await outside(act)


async def test_a_session_of_another_protocol_is_another(town: Town) -> None:
    client = await outside(lambda: logged_in(town))
    (session,) = town.organisation.sessions.of("alice")
    assert session.protocol is Protocol.IMAP
    assert session.server == "ex01"
    await outside(client.logout)
    await town.gone()
