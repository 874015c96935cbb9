# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec import structs

from evict.config.watch import WatchSection
from evict.core.presence import Presence, Sign
from evict.sources.watch.judge import NOTHING, Judgement, Memory, Rules, judge, rules_of
from tests.unit.sources.watch.people import NOON, deleted, somebody

ALL = rules_of(
    WatchSection(
        recognise=("disabled", "deleted", "moved", "expired", "password-reset"),
        leavers_units=("OU=Leavers, DC=corp,DC=test",),
        leavers_groups=("CN = Gone, DC=corp,DC=test",),
    )
)
HOUR = timedelta(hours=1)


def judged(presence: Presence, memory: Memory = NOTHING, rules: Rules = ALL) -> Judgement:
    return judge(presence, memory, rules, NOON)


def test_somebody_who_is_there_has_not_left() -> None:
    found = judged(somebody())
    assert (found.signs, found.alive, found.returned) == ((), True, False)
    assert found.memory == Memory(password_set="1")


@pytest.mark.parametrize(
    ("presence", "sign"),
    [
        (somebody(enabled=False), Sign.DISABLED),
        (deleted(somebody()), Sign.DELETED),
        (somebody(dn="CN=bob,OU=North,OU=leavers,DC=Corp,DC=test"), Sign.MOVED),
        (somebody(groups=("cn=gone,DC=corp,DC=test",)), Sign.MOVED),
        (structs.replace(somebody(), expires_at=NOON), Sign.EXPIRED),
    ],
)
def test_each_sign_is_news_once(presence: Presence, sign: Sign) -> None:
    found = judged(presence)
    assert found.signs == (sign,)
    assert not found.alive
    again = judged(presence, found.memory)
    assert again.signs == ()
    assert again.memory == found.memory
    back = judged(somebody(), found.memory)
    assert (back.returned, back.alive) == (True, True)
    assert back.memory.signs == ()


def test_a_sign_that_is_not_recognised_is_none() -> None:
    rules = rules_of(WatchSection(recognise=("deleted",)))
    found = judged(somebody(enabled=False), rules=rules)
    assert found.signs == ()
    assert not found.alive  # but nobody opened it either


def test_another_sign_of_somebody_who_left_is_news_again() -> None:
    first = judged(somebody(enabled=False))
    moved = somebody(enabled=False, dn="CN=bob,OU=Leavers,DC=corp,DC=test")
    assert judged(moved, first.memory).signs == (Sign.MOVED,)


@pytest.mark.parametrize(
    "dn",
    [
        "CN=bob,OU=NotLeavers,DC=corp,DC=test",
        "CN=bob,OU=Leavers,DC=other,DC=test",
        "OU=Leavers,DC=corp,DC=test",
        r"CN=bob\,OU=Leavers,DC=corp,DC=test",
    ],
)
def test_a_unit_of_a_similar_name_is_another_unit(dn: str) -> None:
    assert judged(somebody(dn=dn)).signs == ()


def test_an_expiry_in_the_future_is_remembered_and_one_that_passed_is_not() -> None:
    later = structs.replace(somebody(), expires_at=NOON + HOUR)
    assert judged(later).memory.expires_at == NOON + HOUR
    assert judged(later).signs == ()
    assert judge(later, NOTHING, ALL, NOON + HOUR).memory.expires_at is None


def test_a_new_account_that_must_change_its_password_has_not_left() -> None:
    new = structs.replace(somebody(), must_change_password=True)
    assert judged(new).signs == ()
    # The memory of the first sight is what tells a reset from a beginning.
    reset = structs.replace(new, password_set="0")
    assert judged(reset, judged(new).memory).signs == (Sign.PASSWORD_RESET,)


def test_a_password_that_its_owner_changed_is_no_sign() -> None:
    changed = structs.replace(somebody(), password_set="2")
    assert judged(changed, judged(somebody()).memory).signs == ()


def test_a_reset_stays_known_until_the_owner_set_another() -> None:
    reset = structs.replace(somebody(), must_change_password=True, password_set="0")
    first = judged(reset, judged(somebody()).memory)
    assert judged(reset, first.memory).signs == ()
    owned = structs.replace(somebody(), password_set="3")
    assert judged(owned, first.memory).returned
