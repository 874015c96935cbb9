# SPDX-License-Identifier: Apache-2.0
"""DirSync of the embedded directory: what a watch lives on."""

from __future__ import annotations

from typing import cast

import pytest
from anyldap.protocols import pureldap

from evict.lab.ldap import dirsync
from evict.lab.ldap.searching import MAX_PAGE
from evict.systems.active_directory import reading
from evict.systems.active_directory.watch import dirsync as client
from evict.systems.active_directory.watch.dirsync import Synced
from evict.systems.ldap import filters, messages
from tests.unit.lab.ldap.talking import ALICE, BASE, Office, office


def ask(place: Office, cookie: bytes, base: str = BASE) -> tuple[list[str], Synced | None, int]:
    request = pureldap.LDAPSearchRequest(
        baseObject=base, scope=2, filter=reading.PEOPLE, attributes=["sAMAccountName"]
    )
    *entries, done = place.ask(request, [client.control(cookie)])
    names = [
        messages.entry_of(cast("pureldap.LDAPSearchResultEntry", e.value)).text("sAMAccountName")
        for e in entries
    ]
    value = next((v for oid, _, v in done.controls or () if oid == client.OID), None)
    result = messages.result_of(cast("pureldap.LDAPResult", done.value))
    return names, client.answer(cast("bytes", value)) if value else None, result.code


@pytest.fixture
def place() -> Office:
    made = office()
    made.bind()
    return made


def test_an_empty_cookie_gives_everybody_and_a_cookie_that_gives_nobody(place: Office) -> None:
    names, synced, code = ask(place, b"")
    assert (sorted(names), code) == (["adam", "alice", "svc-evict", "zoe"], 0)
    assert synced is not None
    assert not synced.more
    assert ask(place, synced.cookie) == ([], synced, 0)


def test_a_change_shows_whoever_made_it(place: Office) -> None:
    _, synced, _ = ask(place, b"")
    assert synced is not None
    place.organisation.directory.disable("zoe")
    names, later, _ = ask(place, synced.cookie)
    assert names == ["zoe"]
    assert later is not None
    assert later.cookie != synced.cookie
    place.modify(
        ALICE,
        messages.Change(kind=messages.REPLACE, attribute="pwdLastSet", values=(b"0",)),
    )
    assert ask(place, later.cookie)[0] == ["alice"]


def test_more_than_a_page_comes_in_parts_and_whole(place: Office) -> None:
    for number in range(MAX_PAGE + 5):
        place.organisation.directory.add(f"p{number}", f"P {number}", "Pass-Word-1")
    seen: list[str] = []
    cookie, parts = b"", 0
    while True:
        names, synced, _ = ask(place, cookie)
        seen += names
        parts += 1
        assert synced is not None
        cookie = synced.cookie
        if not synced.more:
            break
    assert parts == 2
    assert len(seen) == len(set(seen)) == MAX_PAGE + 9


def test_what_is_no_cookie_is_refused_and_another_servers_gives_everybody(place: Office) -> None:
    assert ask(place, b"nonsense")[2] == 12
    other = dirsync.cookie_of(office().talk._tree.invocation, 10_000)
    assert len(ask(place, other)[0]) == 4


def test_only_a_whole_domain_can_be_asked(place: Office) -> None:
    assert ask(place, b"", base=f"OU=People,{BASE}")[2] == messages.UNWILLING_TO_PERFORM


def test_the_server_says_whose_numbers_these_are(place: Office) -> None:
    top = place.search(base="", scope=0, attributes=["dsServiceName", "highestCommittedUSN"])[0]
    server = place.search(
        filters.present("objectClass"),
        ["invocationId"],
        base=top.text("dsServiceName"),
        scope=0,
    )[0]
    assert len(server.raw("invocationId")) == 16
    assert top.number("highestCommittedUSN") == place.organisation.directory.usn
