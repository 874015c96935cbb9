# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import grp
import os
import pwd
import threading
import typing
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.config.access import AccessSection, unknown_names
from evict.control import api
from evict.control.access import roles as access
from evict.control.access.roles import Access, needed, refuse
from evict.control.access.tokens import Token, Tokens
from evict.control.audit.record import Record, Result
from evict.core.access import Asker, Role, Scope, administrator
from evict.core.errors import NotAllowed, UsageError
from evict.core.secret import Secret
from evict.ledger.service import Ledger

REVOKE = api.Revoke(names=("alice",), request="r")
REINSTATE = api.Reinstate(name="alice", request="r")
LOOK = api.Look(what="status")
NOBODY = 54321
"""A uid that no user of the host has."""


def some(*roles: Role) -> Asker:
    return Asker(name="uid:7(erika)", person="uid:7", roles=frozenset(roles))


def a_user() -> pwd.struct_passwd:
    """A user of this host that is neither root nor us, with a group of its own."""
    return next(u for u in pwd.getpwall() if u.pw_uid not in (0, os.geteuid()) and u.pw_gid != 0)


class Place:
    def __init__(self, ledger: Ledger) -> None:
        self.section = AccessSection(operators=(), approvers=())
        self.now = 0.0
        self.records: list[Record] = []
        self.tokens = Tokens(ledger.shelf("tokens", Token), own_uid=990)
        self.access = Access(
            lambda: self.section, self.tokens, self.note, own_uid=990, clock=lambda: self.now
        )

    async def note(self, record: Record) -> None:
        self.records.append(record)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    ledger = await Ledger.open(tmp_path / "ledger.db")
    yield Place(ledger)
    await ledger.close()


@pytest.mark.parametrize(
    ("request_", "roles"),
    [
        (REVOKE, {Role.OPERATOR}),
        (REINSTATE, {Role.APPROVER}),
        (LOOK, set(Role)),
        (api.Revoke(names=("alice",), request="r", dry_run=True), set(Role)),
        (api.LedgerCall(what="show"), {Role.AUDITOR}),
        (api.LedgerCall(what="verify"), {Role.AUDITOR}),
        (api.LedgerCall(what="backup"), {Role.ADMINISTRATOR}),
        (api.LedgerCall(what="erase"), {Role.ADMINISTRATOR}),
        (api.LedgerCall(what="what nobody thought of"), {Role.ADMINISTRATOR}),
        (api.AuditCall(what="show"), {Role.AUDITOR}),
        (api.TokenList(), {Role.ADMINISTRATOR}),
    ],
)
def test_who_may_is_told_by_one_table(request_: api.Request, roles: set[Role]) -> None:
    assert needed(request_) == roles
    for role in Role:
        if role in roles or role is Role.ADMINISTRATOR:
            refuse(request_, some(role))
        else:
            with pytest.raises(NotAllowed):
                refuse(request_, some(role))
    with pytest.raises(NotAllowed):
        refuse(request_, some())


def test_what_nobody_decided_on_is_an_administrators() -> None:
    class Fresh(api.Look, tag="fresh", frozen=True, kw_only=True):
        """A request that stands in no table."""

    assert needed(Fresh(what="status")) == {Role.ADMINISTRATOR}


def test_every_request_stands_in_the_table() -> None:
    decided = {key.partition(":")[0] for key in access._NEEDS}
    assert {kind.__name__ for kind in typing.get_args(api.Request)} == decided


def test_the_sentence_names_the_missing_role() -> None:
    with pytest.raises(NotAllowed) as caught:
        refuse(REINSTATE, some(Role.VIEWER, Role.OPERATOR))
    assert caught.value.text == (
        "uid:7(erika) may not do this: it needs the role approver, and has only viewer or operator"
        " (see [access] in evict.toml)"
    )
    assert caught.value.exit_code == 77


async def test_root_and_the_service_are_administrators(place: Place) -> None:
    for uid in (0, 990):
        assert (await place.access.asker_of(uid, 1)).roles == {Role.ADMINISTRATOR}
    assert (await place.access.asker_of(NOBODY, NOBODY)).roles == frozenset()


async def test_a_user_has_the_roles_of_every_list_it_is_on(place: Place) -> None:
    user = a_user()
    group = grp.getgrgid(user.pw_gid).gr_name
    place.section = AccessSection(
        operators=(f"@{group}", "nobody-of-this-name"), approvers=(user.pw_name,), viewers=("root",)
    )
    asker = await place.access.asker_of(user.pw_uid, user.pw_gid)
    assert asker == Asker(
        name=f"uid:{user.pw_uid}({user.pw_name})",
        person=f"uid:{user.pw_uid}",
        roles=frozenset({Role.OPERATOR, Role.APPROVER}),
        where="unix socket",
    )


async def test_the_group_that_a_process_runs_with_counts(place: Place) -> None:
    """A unit with Group= and a user that the system's database does not even know."""
    user = a_user()
    place.section = AccessSection(operators=(f"@{grp.getgrgid(user.pw_gid).gr_name}",))
    assert (await place.access.asker_of(NOBODY, user.pw_gid)).has(Role.OPERATOR)


async def test_groups_are_asked_for_again_after_a_while(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = a_user()
    group = next(g for g in grp.getgrall() if g.gr_gid not in (0, user.pw_gid))
    place.section = AccessSection(operators=(f"@{group.gr_name}",))
    monkeypatch.setattr(os, "getgrouplist", lambda _name, _gid: [group.gr_gid])
    assert (await place.access.asker_of(user.pw_uid, user.pw_gid)).has(Role.OPERATOR)
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid])
    assert (await place.access.asker_of(user.pw_uid, user.pw_gid)).has(Role.OPERATOR)
    place.now += 10.0
    assert not (await place.access.asker_of(user.pw_uid, user.pw_gid)).has(Role.OPERATOR)


async def test_where_the_users_are_not_told_only_root_has_a_role(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    really = pwd.getpwuid

    def slow(uid: int) -> pwd.struct_passwd:
        answered.wait(10)
        return really(uid)

    user = a_user()
    place.section = AccessSection(operators=(user.pw_name,))
    monkeypatch.setattr(pwd, "getpwuid", slow)
    monkeypatch.setattr(access, "_PATIENCE_S", 0.05)
    assert (await place.access.asker_of(user.pw_uid, user.pw_gid)).roles == frozenset()
    assert (await place.access.asker_of(0, 0)).roles == {Role.ADMINISTRATOR}
    answered.set()
    monkeypatch.setattr(access, "_PATIENCE_S", 5.0)
    assert (await place.access.asker_of(user.pw_uid, user.pw_gid)).has(Role.OPERATOR)


async def test_new_lists_hold_at_once(place: Place) -> None:
    user = a_user()
    place.section = AccessSection(operators=(user.pw_name,))
    assert (await place.access.asker_of(user.pw_uid, user.pw_gid)).has(Role.OPERATOR)
    place.section = AccessSection(operators=())
    assert not (await place.access.asker_of(user.pw_uid, user.pw_gid)).has(Role.OPERATOR)


def test_names_that_do_not_exist_are_a_finding() -> None:
    section = AccessSection(
        operators=("root", "@root", "@no-such-group"), approvers=("no-such-user", "a\x00b")
    )
    assert unknown_names(section)["operators"] == ("@no-such-group",)
    assert unknown_names(section)["approvers"] == ("no-such-user", "a\x00b")
    assert "auditors" not in unknown_names(section)
    assert unknown_names(AccessSection()) == {}


async def test_a_token_that_is_refused_is_noted_and_cannot_fill_the_log(place: Place) -> None:
    for _ in range(50):
        with pytest.raises(NotAllowed):
            await place.access.by_token("evict_" + "a" * 56, where="192.0.2.7")
    assert [(r.who, r.what, r.result, r.where) for r in place.records] == [
        ("token:?", "token.use", Result.REFUSED, "192.0.2.7")
    ]
    assert "aaaa" not in repr(place.records)
    place.now += 60.0
    with pytest.raises(NotAllowed):
        await place.access.by_token(Secret("x"), where="192.0.2.7")
    assert len(place.records) == 2


def test_an_envelope_is_opened_and_a_plain_request_still_read() -> None:
    sent = api.encode_with_token(REVOKE, Secret("evict_secret"))
    opened = api.decode_asked(sent)
    assert isinstance(opened, api.WithToken)
    assert (opened.request, opened.token.reveal()) == (REVOKE, "evict_secret")
    assert "evict_secret" not in repr(opened)
    assert api.decode_asked(api.encode(REVOKE)) == api.decode_request(api.encode(REVOKE)) == REVOKE


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"with-token","token":"t"}',
        b'{"type":"with-token","token":7,"request":{"type":"token-list"}}',
        b'{"type":"with-token","token":"t","request":{"type":"with-token"}}',
        b'{"type":"with-token","token":"t","request":{"type":"token-list"},"more":1}',
        b"[" * 100_000,
        b"",
        b'{"type":"look","what":"\xff"}',
    ],
)
def test_a_bad_envelope_is_a_usage_error(line: bytes) -> None:
    with pytest.raises(UsageError):
        api.decode_asked(line)


def test_only_the_envelope_takes_a_token() -> None:
    with pytest.raises(UsageError):
        api.decode_request(api.encode_with_token(REVOKE, Secret("t")))


def test_no_scope_is_an_administrators() -> None:
    assert {scope.role for scope in Scope} == {Role.OPERATOR, Role.VIEWER, Role.APPROVER}
    assert administrator("x", person="").has(Role.OPERATOR)
