# SPDX-License-Identifier: Apache-2.0
"""Answers of a directory that are not whole are errors: absence closes nobody."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from anyldap.protocols import pureber, pureldap

from evict.core.errors import AccessRefused, RemoteProtocolError, SystemFault, Unreachable
from evict.lab.ldap import codec
from evict.systems.active_directory.watch import dirsync
from evict.systems.active_directory.watch.server import Server
from evict.systems.base import PositionLost
from evict.systems.ldap import messages
from tests.fault.watch.ad_liar import (
    PEOPLE,
    Alter,
    Answer,
    Scene,
    scene,
)

_ADDRESS = "127.162.1.1"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path, _ADDRESS) as made:
        yield made


def of_people(request: Answer) -> bool:
    """Whether it is a search for accounts below the base, page by page."""
    return any(oid == messages.PAGED_RESULTS for oid, _, _ in request.controls or ())


def of_changes(request: Answer) -> bool:
    return any(oid == dirsync.OID for oid, _, _ in request.controls or ())


def where(asked: Callable[[Answer], bool], alter: Alter) -> Alter:
    return lambda request, answer: alter(request, answer) if asked(request) else [answer]


def nothing(_: Answer, answer: Answer) -> list[Answer] | None:
    return [] if isinstance(answer.value, pureldap.LDAPSearchResultEntry) else [answer]


def result(code: int) -> Alter:
    def alter(_: Answer, answer: Answer) -> list[Answer] | None:
        if not isinstance(answer.value, pureldap.LDAPSearchResultDone):
            return [answer]
        done = pureldap.LDAPSearchResultDone(resultCode=code, errorMessage=b"as told")
        return [pureldap.LDAPMessage(done, controls=answer.controls, id=answer.id)]

    return alter


def half() -> Alter:
    count = itertools.count()
    return lambda _, answer: [answer] if next(count) < 5 else None


def reference(_: Answer, answer: Answer) -> list[Answer] | None:
    elsewhere = pureldap.LDAPSearchResultReference([pureber.BEROctetString(b"ldap://other")])
    return [pureldap.LDAPMessage(elsewhere, id=answer.id), answer]


def without_controls(_: Answer, answer: Answer) -> list[Answer] | None:
    return [pureldap.LDAPMessage(answer.value, id=answer.id)]


def hiding(attribute: str, who: str = "") -> Alter:
    """Drops an attribute from entries whose DN contains the word."""

    def alter(_: Answer, answer: Answer) -> list[Answer] | None:
        if not isinstance(answer.value, pureldap.LDAPSearchResultEntry):
            return [answer]
        entry = messages.entry_of(answer.value)
        if who not in entry.dn:
            return [answer]
        kept = [(n.encode(), list(v)) for n, v in entry.attributes.items() if n != attribute]
        shown = pureldap.LDAPSearchResultEntry(entry.dn.encode(), kept)
        return [pureldap.LDAPMessage(shown, id=answer.id)]

    return alter


_BROKEN: list[tuple[str, Alter, type[SystemFault]]] = [
    ("nothing", nothing, AccessRefused),
    ("half a page", half(), Unreachable),
    ("a referral", result(10), RemoteProtocolError),
    ("a reference", reference, RemoteProtocolError),
    ("size limit exceeded", result(messages.SIZE_LIMIT_EXCEEDED), RemoteProtocolError),
    ("the base is gone", result(messages.NO_SUCH_OBJECT), RemoteProtocolError),
    ("no word whether that was all", without_controls, RemoteProtocolError),
    ("busy", result(messages.BUSY), Unreachable),
    ("no account's state", hiding("useraccountcontrol"), AccessRefused),
]


@pytest.mark.parametrize(("fault", "alter", "error"), _BROKEN, ids=[b[0] for b in _BROKEN])
async def test_a_full_reading_that_is_not_whole_is_an_error_and_has_no_position(
    place: Scene, fault: str, alter: Alter, error: type[SystemFault]
) -> None:
    assert len((await place.everybody())[0]) == PEOPLE + 1, f"without {fault}"
    place.liar.alter = where(of_people, alter)
    positions: list[bytes] = []
    with pytest.raises(error):
        positions += [glimpse.position async for glimpse in place.watch.everybody()]
    assert not any(positions)
    place.liar.alter = lambda _, answer: [answer]
    assert len((await place.everybody())[0]) == PEOPLE + 1


@pytest.mark.parametrize("code", [10, messages.SIZE_LIMIT_EXCEEDED])
async def test_without_the_protection_a_cut_answer_would_be_taken(
    place: Scene, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: it is `require_whole` that refuses."""
    place.liar.alter = where(of_people, result(code))
    monkeypatch.setattr(Server, "require_whole", lambda *_: None)
    assert (await place.everybody())[1]


@pytest.mark.parametrize(
    ("alter", "error"),
    [
        (half(), Unreachable),
        (result(10), RemoteProtocolError),
        (result(messages.SIZE_LIMIT_EXCEEDED), RemoteProtocolError),
        (result(messages.BUSY), Unreachable),
        (result(12), PositionLost),
        (result(messages.INSUFFICIENT_ACCESS_RIGHTS), PositionLost),
        (without_controls, RemoteProtocolError),
    ],
    ids=["half", "referral", "size limit", "busy", "cookie refused", "no right", "no cookie"],
)
async def test_changes_that_do_not_come_whole_are_an_error_and_come_again(
    place: Scene, alter: Alter, error: type[SystemFault]
) -> None:
    _, position = await place.everybody()
    for number in range(PEOPLE):
        place.organisation.directory.disable(f"person-{number}")
    place.liar.alter = where(of_changes, alter)
    with pytest.raises(error):
        await place.watch.since(position)
    place.liar.alter = lambda _, answer: [answer]
    glimpse = await place.watch.since(position)
    assert len(glimpse.presences) == PEOPLE
    assert not any(p.account.enabled for p in glimpse.presences)


async def test_records_that_do_not_come_whole_are_an_error_too(place: Scene) -> None:
    """The change was seen, and the reading of who it was fails."""
    _, position = await place.everybody()
    place.organisation.directory.disable("person-3")
    place.liar.alter = lambda request, answer: (
        [answer] if of_changes(request) else result(4)(request, answer)
    )
    with pytest.raises(RemoteProtocolError, match="size limit"):
        await place.watch.since(position)


async def test_an_account_that_is_not_shown_whole_is_neither_there_nor_gone(place: Scene) -> None:
    place.liar.alter = hiding("useraccountcontrol", "Person 3,")
    seen, position = await place.everybody()
    assert len(seen) == PEOPLE
    assert position
    assert place.somebody.guid not in {presence.account.id for presence in seen}


async def test_where_dirsync_is_refused_update_numbers_do(place: Scene) -> None:
    place.liar.alter = where(of_changes, result(messages.INSUFFICIENT_ACCESS_RIGHTS))
    _, position = await place.everybody()
    assert place.watch.mode == "usn"
    assert (await place.watch.since(position)).position == position
    place.organisation.directory.disable("person-3")
    glimpse = await place.watch.since(position)
    assert [p.account.id for p in glimpse.presences] == [place.somebody.guid]
    assert not glimpse.presences[0].account.enabled
    assert not (await place.watch.since(glimpse.position)).presences
    place.organisation.directory.usn -= 50
    with pytest.raises(PositionLost, match="restored"):
        await place.watch.since(glimpse.position)


def in_parts(size: int, *, to_the_end: bool) -> Alter:
    """Shows proxyAddresses as a server does that has too many of them for one answer."""

    def alter(request: Answer, answer: Answer) -> list[Answer] | None:
        if not isinstance(answer.value, pureldap.LDAPSearchResultEntry):
            return [answer]
        assert isinstance(request.value, pureldap.LDAPSearchRequest)
        wanted = [codec.text(name).lower() for name in request.value.attributes]
        first = next((int(n.split("=")[1][:-2]) for n in wanted if "range=" in n), 0)
        entry = messages.entry_of(answer.value)
        every = [f"smtp:a{number}@corp.test".encode() for number in range(7)]
        last = first + size >= len(every) and to_the_end
        name = f"proxyAddresses;range={first}-{'*' if last else first + size - 1}"
        kept = [(n.encode(), list(v)) for n, v in entry.attributes.items() if n != "proxyaddresses"]
        shown = pureldap.LDAPSearchResultEntry(
            entry.dn.encode(), [*kept, (name.encode(), every[first : first + size])]
        )
        return [pureldap.LDAPMessage(shown, id=answer.id)]

    return alter


async def test_values_that_come_in_parts_are_read_to_the_end_or_not_at_all(place: Scene) -> None:
    _, position = await place.everybody()
    place.organisation.directory.disable("person-3")
    place.liar.alter = lambda request, answer: (
        [answer] if of_changes(request) else in_parts(3, to_the_end=True)(request, answer)
    )
    glimpse = await place.watch.since(position)
    addresses = glimpse.presences[0].account.addresses
    assert set(addresses) >= {f"a{number}@corp.test" for number in range(7)}
    place.liar.alter = lambda request, answer: (
        [answer] if of_changes(request) else in_parts(3, to_the_end=False)(request, answer)
    )
    with pytest.raises(RemoteProtocolError, match="all values of proxyaddresses"):
        await place.watch.since(position)
