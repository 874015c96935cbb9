# SPDX-License-Identifier: Apache-2.0
"""Python's own client, unmodified, against the organisation's POP3."""

from __future__ import annotations

import email
import poplib

import pytest

from tests.unit.lab.mail.towns import ALICE, Town, outside


def connect(town: Town) -> poplib.POP3_SSL:
    client = poplib.POP3_SSL(town.host, town.pop3, context=town.client_tls, timeout=10)
    town.closers.append(client.close)
    return client


def logged_in(town: Town) -> poplib.POP3_SSL:
    client = connect(town)
    client.user("alice@corp.example")
    client.pass_(ALICE)
    return client


async def test_a_client_counts_reads_and_deletes(town: Town) -> None:
    town.mail("First", "one\n.two\n\nthree\n")
    town.mail("Second")

    def act() -> None:
        client = logged_in(town)
        assert "SASL" in client.capa() or "TOP" in client.capa()
        count, size = client.stat()
        assert count == 2
        _, listed, _ = client.list()
        assert sum(int(line.split()[1]) for line in listed) == size
        _, names, _ = client.uidl()
        assert len({line.split()[1] for line in names}) == 2
        assert client.uidl(2).endswith(names[1])
        _, lines, _ = client.retr(1)
        mail = email.message_from_bytes(b"\r\n".join(lines), policy=email.policy.default)
        assert mail["Subject"] == "First"
        assert mail.get_content().splitlines() == ["one", ".two", "", "three"]
        _, lines, _ = client.top(1, 1)
        assert lines[-1] == b"one"
        client.dele(1)
        with pytest.raises(poplib.error_proto):
            client.retr(1)
        assert client.stat()[0] == 1
        client.rset()
        assert client.stat()[0] == 2
        client.dele(2)
        client.noop()
        client.quit()

    await outside(act)
    left = town.organisation.mailboxes["alice"].messages["Inbox"]
    assert [message.subject for message in left] == ["First"]
    await town.gone()


async def test_a_refusal_is_one_and_a_live_session_outlives_a_disable(town: Town) -> None:
    client = await outside(lambda: logged_in(town))
    town.organisation.directory.disable("alice")

    def act() -> None:
        assert client.noop().startswith(b"+OK")
        with pytest.raises(poplib.error_proto, match="Logon failure"):
            logged_in(town)
        client.quit()

    await outside(act)


async def test_a_restart_of_the_service_cuts(town: Town) -> None:
    client = await outside(lambda: logged_in(town))
    assert town.organisation.restart_service("ex01", "MSExchangePop3") == 1

    def act() -> None:
        with pytest.raises((poplib.error_proto, OSError)):
            client.noop()

    await outside(act)


async def test_stls_and_no_login_before_it(town: Town) -> None:
    def act() -> None:
        client = poplib.POP3(town.host, town.pop3_plain, timeout=10)
        client.user("alice@corp.example")
        with pytest.raises(poplib.error_proto):
            client.pass_(ALICE)
        client.stls(town.client_tls)
        client.user("alice@corp.example")
        client.pass_(ALICE)
        client.quit()

    await outside(act)
