# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import string
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from evict.control import api
from evict.control.access.calls import TokenCalls
from evict.control.access.tokens import LONGEST_HOURS, PREFIX, Token, Tokens, digest_of, make
from evict.control.audit.record import Record
from evict.core.access import Asker, Role, Scope, administrator
from evict.core.errors import AuditNotWritten, NotAllowed, UsageError
from evict.core.secret import Secret
from evict.ledger.service import Ledger
from evict.ledger.shelf import Shelf

ROOT = administrator("uid:0(root)", person="uid:0")
PEOPLE = {"erika": 2001, "max": 2002}
START = datetime(2026, 11, 24, 17, tzinfo=UTC)


class Place:
    """Tokens on a real ledger, with a clock and a list of users of the test's own."""

    def __init__(self, ledger: Ledger) -> None:
        self.now = START
        self.people = dict(PEOPLE)
        self.shelf: Shelf[Token] = ledger.shelf("tokens", Token)
        self.tokens = Tokens(self.shelf, own_uid=990, now=lambda: self.now, uid_of=self._uid)

    def _uid(self, name: str) -> int | None:
        return self.people.get(name)

    async def made(
        self, *scopes: Scope, name: str = "personnel", owner: str = "erika", by: Asker = ROOT
    ) -> Secret:
        request = api.TokenCreate(name=name, scopes=scopes, hours=24, owner=owner)
        return (await self.tokens.create(request, by))[1]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    yield Place(ledger)
    await ledger.close()


def test_a_token_has_256_bits_and_no_two_are_alike() -> None:
    made = {make()[0].reveal() for _ in range(200)}
    assert len(made) == 200
    assert {len(text) for text in made} == {len(PREFIX) + 56}
    assert all(set(text) <= set(string.ascii_lowercase + "234567_") for text in made)


def test_every_typo_of_one_character_is_told() -> None:
    text, digest = make()
    good = text.reveal()
    assert digest_of(f" {good}\n") == digest
    for place in range(len(PREFIX), len(good)):
        other = "a" if good[place] != "a" else "b"
        with pytest.raises(NotAllowed, match="typo"):
            digest_of(good[:place] + other + good[place + 1 :])


@pytest.mark.parametrize("text", ["", "evict_", "evict_" + "a" * 55, "ghp_" + "a" * 56, "evict_ü"])
def test_what_is_no_token_is_told_so_and_not_repeated(text: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        digest_of(text)
    assert "no token" in caught.value.text
    assert not text or text == "evict_" or text not in caught.value.text


async def test_a_token_has_its_scopes_roles_alone(place: Place) -> None:
    text = await place.made(Scope.CLOSE, Scope.READ)
    asker = await place.tokens.asker(text, where="192.0.2.7")
    assert asker == Asker(
        name="token:personnel",
        person="uid:2001",
        roles=frozenset({Role.OPERATOR, Role.VIEWER}),
        where="192.0.2.7",
    )


def _all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_nothing_kept_would_let_anybody_in(place: Place, tmp_path: Path) -> None:
    text = (await place.made(Scope.CLOSE)).reveal()
    kept = _all_bytes(tmp_path)
    assert b"personnel" in kept
    assert text.removeprefix(PREFIX).encode() not in kept
    assert text not in repr(await place.shelf.all()) + repr(await place.tokens.listed())


async def test_an_expired_token_is_refused(place: Place) -> None:
    text = await place.made(Scope.CLOSE)
    place.now += timedelta(hours=24)
    with pytest.raises(NotAllowed, match="expired"):
        await place.tokens.asker(text, where="")
    assert (await place.tokens.listed())[0]["expired"] is True


async def test_a_revoked_token_is_refused(place: Place) -> None:
    text = await place.made(Scope.CLOSE)
    await place.tokens.revoke("personnel")
    with pytest.raises(NotAllowed, match="revoked"):
        await place.tokens.asker(text, where="")
    with pytest.raises(UsageError):
        await place.tokens.revoke("personnel")


async def test_the_day_of_the_last_use_is_kept(place: Place) -> None:
    text = await place.made(Scope.READ)
    assert (await place.tokens.listed())[0]["last_used"] is None
    await place.tokens.asker(text, where="")
    assert (await place.tokens.listed())[0]["last_used"] == date(2026, 11, 24)


async def test_a_token_approves_for_its_owner_and_is_made_by_its_owner(place: Place) -> None:
    max_admin = administrator("uid:2002(max)", person="uid:2002")
    with pytest.raises(NotAllowed, match="made by its owner"):
        await place.made(Scope.REOPEN, owner="erika", by=max_admin)
    text = await place.made(Scope.REOPEN, owner="max", by=max_admin)
    asker = await place.tokens.asker(text, where="")
    assert (asker.person, asker.roles) == ("uid:2002", frozenset({Role.APPROVER}))


async def test_where_the_owner_left_a_token_closes_and_approves_nothing(place: Place) -> None:
    text = await place.made(Scope.REOPEN, Scope.CLOSE)
    place.people["erika"] = 3003  # the name went to somebody else
    asker = await place.tokens.asker(text, where="")
    assert (asker.person, asker.roles) == ("", frozenset({Role.OPERATOR}))


@pytest.mark.parametrize(
    ("name", "scopes", "hours", "owner"),
    [
        ("Personnel", (Scope.CLOSE,), 1, "erika"),
        ("a\nb", (Scope.CLOSE,), 1, "erika"),
        ("a" * 65, (Scope.CLOSE,), 1, "erika"),
        ("a", (), 1, "erika"),
        ("a", (Scope.CLOSE,), 0, "erika"),
        ("a", (Scope.CLOSE,), LONGEST_HOURS + 1, "erika"),
        ("a", (Scope.CLOSE,), 1, "nobody-here"),
    ],
)
async def test_a_senseless_token_is_not_made(
    place: Place, name: str, scopes: tuple[Scope, ...], hours: int, owner: str
) -> None:
    with pytest.raises(UsageError):
        await place.tokens.create(
            api.TokenCreate(name=name, scopes=scopes, hours=hours, owner=owner), ROOT
        )
    assert await place.tokens.listed() == []


async def test_a_name_is_not_given_twice(place: Place) -> None:
    text = await place.made(Scope.CLOSE)
    with pytest.raises(UsageError, match="already"):
        await place.made(Scope.READ)
    assert (await place.tokens.asker(text, where="")).has(Role.OPERATOR)


async def test_no_token_is_handed_out_that_the_audit_log_does_not_know(place: Place) -> None:
    async def full(record: Record) -> None:
        raise AuditNotWritten(record.what)

    calls = TokenCalls(place.tokens, full)
    request = api.TokenCreate(name="a", scopes=(Scope.CLOSE,), hours=1, owner="erika")
    with pytest.raises(AuditNotWritten):
        await calls.answer(request, ROOT)
    assert await place.tokens.listed() == []


async def test_the_record_of_a_new_token_does_not_hold_it(place: Place) -> None:
    records: list[Record] = []

    async def keep(record: Record) -> None:
        records.append(record)

    calls = TokenCalls(place.tokens, keep)
    request = api.TokenCreate(name="a", scopes=(Scope.CLOSE,), hours=1, owner="erika")
    made = await calls.answer(request, ROOT)
    assert made["token"].startswith(PREFIX)
    assert made["token"] not in repr(records)
    assert records[0].on == ("a",)


async def test_a_token_in_use_while_it_is_revoked_stays_revoked(place: Place) -> None:
    text = await place.made(Scope.CLOSE)
    for head_start in range(6):
        ending = asyncio.create_task(place.tokens.revoke("personnel"))
        for _ in range(head_start):
            await asyncio.sleep(0)
        used = asyncio.create_task(place.tokens.asker(text, where=""))
        await asyncio.gather(ending, used, return_exceptions=True)
        assert await place.tokens.listed() == []
        text = await place.made(Scope.CLOSE)


async def test_two_first_uses_at_once_are_both_let_in(place: Place) -> None:
    text = await place.made(Scope.CLOSE)
    both = await asyncio.gather(*(place.tokens.asker(text, where="") for _ in range(2)))
    assert all(asker.has(Role.OPERATOR) for asker in both)
    assert (await place.tokens.listed())[0]["last_used"] == START.date()


async def test_of_two_tokens_of_one_name_made_at_once_one_is_made(place: Place) -> None:
    both = [place.made(scope) for scope in (Scope.CLOSE, Scope.READ)]
    made = await asyncio.gather(*both, return_exceptions=True)
    assert [isinstance(one, UsageError) for one in made].count(True) == 1
    (text,) = [one for one in made if isinstance(one, Secret)]
    await place.tokens.asker(text, where="")
