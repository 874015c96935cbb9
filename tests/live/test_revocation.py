# SPDX-License-Identifier: Apache-2.0
"""The main job on real servers: every door is really shut, and the leaver's own clients agree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from estate import mailbox, people
from estate.clients.holder import Holder
from estate.clients.kerberos import Ticket
from estate.clients.leaver import LeaverClients
from estate.clients.lines import Ended, Refused
from estate.clients.sessions import Submission
from estate.clients.ticket_file import take_ticket
from estate.directory import PROTECTED_BY_ADMINSDHOLDER
from estate.people import Person
from estate.product import CONTROL_USER, Product
from tests.live.told import account_control, lets_in, revoke, ticket_lets_in

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def nobody_else_notices(bystanders: Holder) -> Iterator[None]:
    yield
    seen = bystanders.check()
    assert (seen.held, seen.drops) == (24, ())


def test_a_revocation_ends_every_session_and_every_login_of_clients_that_never_pause(
    product: Product, leaver: Person
) -> None:
    with LeaverClients(product.layout, leaver) as clients:
        assert not clients.wait_shut(0.5), "nothing was done yet"
        told = revoke(product, leaver, "--witness")
        ended_ns = time.time_ns()
        assert clients.wait_shut(20), [t.door for t in clients.tracks if not t.failure]
        late = [t.door for t in clients.tracks if (t.last_success_ns or 0) > ended_ns]
        assert clients.survivors() == ()
        assert not clients.kerberos_login()
    assert (told.code, told.not_shut(), late) == (0, set(), [])
    doors = told.doors()
    names = [n for n in doors if n.endswith("/session") and doors[n]["nature"] == "provable"]
    assert len(names) == 4
    for name in names:
        witnessed = "witness" in doors[name]["rests_on"]
        assert witnessed != (f"no witness at {name.split('/')[1]}:" in told.talk)
        assert not witnessed or doors[name]["last_success_ms"] < doors[name]["first_refusal_ms"]


def test_without_a_witness_each_verdict_says_what_it_rests_on_instead(
    product: Product, leaver: Person
) -> None:
    told = revoke(product, leaver)
    assert (told.code, told.not_shut()) == (0, set())
    rests = {name: set(verdict["rests_on"]) for name, verdict in told.doors().items()}
    for protocol in ("imap", "pop3", "managesieve"):
        assert rests[f"dovecot/{protocol}/session"] == {"list"}
        assert rests[f"dovecot/{protocol}/password"] == {"hook", "negative-login"}
    assert rests["dovecot/imap/ticket"] == {"hook"}
    assert rests["postfix/submission/session"] == {"hook"}
    assert rests["postfix/submission/password"] == {"hook", "negative-login"}
    for protocol in ("ldap", "kerberos"):
        assert rests[f"directory/{protocol}/password"] == {"read-back", "negative-login"}


def test_a_mail_in_the_middle_of_its_data_is_refused_and_its_connection_cut(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout, to = product.layout, people.person("grace")
    session = Submission(layout, leaver, next(addresses))
    session.send_mail(to.mail, f"before {leaver.name}")
    mailbox.wait_for_mail(layout, to, f"before {leaver.name}")
    session.command(f"MAIL FROM:<{leaver.mail}>")
    session.command(f"RCPT TO:<{to.mail}>")
    session.command("DATA")
    session.lines.send(f"Subject: after {leaver.name}\r\n\r\nhalf of it")
    assert revoke(product, leaver).code == 0
    with pytest.raises(Refused, match="521"):
        session.command("and the rest\r\n.")
    with pytest.raises(Ended):
        session.lines.line()
    session.close()
    mailbox.deliver(layout, to, f"later than {leaver.name}")
    assert f"after {leaver.name}" not in mailbox.subjects(layout, to)


def test_a_ticket_taken_before_is_refused_after(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    ours = Ticket(layout, leaver)
    assert ticket_lets_in(layout, leaver, ours, next(addresses))
    theirs = take_ticket(layout, leaver, owner=CONTROL_USER)
    told = revoke(product, leaver, "--witness-ccache", str(theirs))
    assert (told.code, told.not_shut()) == (0, set())
    verdict = told.doors()["dovecot/imap/ticket"]
    assert {"hook", "witness"} <= set(verdict["rests_on"]), verdict
    assert not ticket_lets_in(layout, leaver, ours, next(addresses))


def test_the_old_password_is_refused_though_the_cache_was_warm(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    """That it came from the cache: a plain disable does not end it, see the estate's own test."""
    protocols = ("imap", "pop3", "managesieve", "submission")
    for protocol in protocols:
        assert lets_in(product.layout, leaver, protocol, next(addresses))
    people.disable(product.layout, leaver)
    assert lets_in(product.layout, leaver, "imap", next(addresses)), "from the cache"
    told = revoke(product, leaver)
    assert (told.code, told.not_shut()) == (0, set())
    flush = next(e for e in told.report["effects"] if e["measure"] == "dovecot:flush")
    assert flush["detail"] != "count 0"
    tries = [(product.layout, leaver, protocol, next(addresses)) for protocol in protocols]
    with ThreadPoolExecutor(len(tries)) as pool:  # Dovecot answers each after 2 s
        assert not any(pool.map(lambda each: lets_in(*each), tries))


def test_an_account_of_adminsdholder_is_shut_as_far_as_our_rights_reach(
    product: Product, addresses: Iterator[str]
) -> None:
    layout, ann = product.layout, people.person(PROTECTED_BY_ADMINSDHOLDER)
    told = revoke(product, ann)
    assert told.code == 1
    assert told.not_shut() == {"directory/ldap/password", "directory/kerberos/password"}
    (disable,) = [text for text in told.report["failures"] if "directory:disable" in text]
    assert "write property userAccountControl on CN=AdminSDHolder" in disable
    (rotate,) = [text for text in told.report["failures"] if "directory:rotate" in text]
    assert "Reset Password" in rotate
    assert account_control(layout, ann) == 512
    assert not lets_in(layout, ann, "imap", next(addresses)), "the hook refuses all the same"
    assert told.report["evidence"]
