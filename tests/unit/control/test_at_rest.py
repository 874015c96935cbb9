# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from evict.control.staying.at_rest import Rest, Shown, reopened
from evict.core.account import Account
from evict.core.door import Credential, Door, Nature
from evict.core.measure import Actor, BeforeImage, Measure, Stage
from evict.core.verdict import Judgement, Verdict

NOW = datetime(2026, 11, 24, tzinfo=UTC)
PASSWORD = Door(system="directory", protocol="ldap", credential=Credential.PASSWORD)
SESSION = Door(system="dovecot", protocol="imap", credential=Credential.SESSION)
ACCOUNT = Account(
    id="1",
    directory="directory",
    dn="CN=a,DC=b",
    sam="a",
    upn="a@b.example",
    domain="B",
    dns_domain="b.example",
)


def rotate(mark: str) -> Measure:
    image = BeforeImage(
        measure="directory:rotate",
        system="directory",
        target="a",
        before={"pwdLastSet": mark},
        after={},
    )
    return Measure(
        id="directory:rotate",
        system="directory",
        stage=Stage.CREDENTIALS,
        actor=Actor.CONTROL,
        doors=(PASSWORD,),
        why="one reset is not enough",
        image=image,
    )


def is_open(door: Door) -> Verdict:
    return Verdict(
        door=door, nature=Nature.PROVABLE, judgement=Judgement.OPEN, why="one live session"
    )


def shown(*measures: Measure, open_: tuple[Verdict, ...] = ()) -> Shown:
    return Shown(system="directory", needs={m.id: m for m in measures}, open=open_)


def rest(*measures: Measure, open_: tuple[str, ...] = ()) -> Rest:
    from evict.control.staying.at_rest import _digest  # noqa: PLC0415 - what a rest is made of

    return Rest(
        account=ACCOUNT,
        generation=1,
        at=NOW,
        needs={m.id: _digest(m) for m in measures},
        open=open_,
    )


def test_the_same_mark_is_no_drift_and_another_is() -> None:
    assert reopened(rest(rotate("1")), [shown(rotate("1"))], NOW) == ()
    (one,) = reopened(rest(rotate("1")), [shown(rotate("2"))], NOW)
    assert (one.what, one.doors, one.seen_at) == ("directory:rotate", (PASSWORD,), NOW)


def test_a_measure_that_was_not_needed_is_drift() -> None:
    assert [o.what for o in reopened(rest(), [shown(rotate("1"))], NOW)] == ["directory:rotate"]


def test_an_open_door_is_drift_unless_it_was_open_or_a_measure_says_so() -> None:
    look = shown(open_=(is_open(SESSION),))
    assert [o.what for o in reopened(rest(), [look], NOW)] == [SESSION.name]
    assert reopened(rest(open_=(SESSION.name,)), [look], NOW) == ()
    both = shown(rotate("2"), open_=(is_open(PASSWORD), is_open(SESSION)))
    assert [o.what for o in reopened(rest(), [both], NOW)] == ["directory:rotate", SESSION.name]


def test_what_is_remembered_holds_no_value_of_before() -> None:
    raw = msgspec.json.encode(rest(rotate("a-secret-forward@private.example")))
    assert b"private.example" not in raw
    assert msgspec.json.decode(raw, type=Rest).needs.keys() == {"directory:rotate"}
