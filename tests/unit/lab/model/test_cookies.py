# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.cookies import OwaCookie
from evict.lab.model.profile import Version
from evict.lab.model.words import Denial, Denied, Pool, Principal
from tests.unit.lab.model.made import NAME, OLD, Estate


def cookie(estate: Estate, *, private: bool = True) -> OwaCookie:
    made = estate.org.sign_in_forms("ex01", NAME, OLD, private=private)
    assert isinstance(made, OwaCookie)
    return made


def test_a_cookie_of_2013_is_taken_by_every_server_and_signs_in_again_there() -> None:
    estate = Estate()
    made = cookie(estate)
    assert isinstance(estate.org.check_cookie("ex02", made), Principal)


def test_a_disable_ends_it_once_no_token_lives_and_a_recycle_alone_does_not() -> None:
    estate = Estate()
    made = cookie(estate)
    estate.org.admin.recycle("ex01", Pool.OWA)
    assert isinstance(estate.org.check_cookie("ex01", made), Principal)
    estate.org.directory.disable("alice")
    assert isinstance(estate.org.check_cookie("ex01", made), Principal)
    estate.org.admin.recycle("ex01", Pool.OWA)
    assert estate.org.check_cookie("ex01", made) == Denied(Denial.ACCOUNT_DISABLED)


@pytest.mark.parametrize(("private", "life_s"), [(True, 43_200), (False, 1350)])
def test_it_lives_for_one_and_a_half_times_the_setting(private: bool, life_s: float) -> None:  # noqa: FBT001 - a parameter of the case
    estate = Estate()
    made = cookie(estate, private=private)
    estate.wait(life_s - 1)
    assert isinstance(estate.org.check_cookie("ex01", made), Principal)
    estate.wait(1)
    assert estate.org.check_cookie("ex01", made) == Denied(Denial.COOKIE_EXPIRED)


def test_it_is_issued_anew_only_within_one_setting_of_its_end() -> None:
    estate = Estate()
    made = cookie(estate)
    assert estate.org.renew_cookie(made) is None
    estate.wait(14_400)
    renewed = estate.org.renew_cookie(made)
    assert renewed is not None
    assert renewed.expires == estate.clock.now + 43_200


def test_before_2013_the_server_keeps_the_session_and_ends_it_when_it_rested() -> None:
    estate = Estate(Version.V2010)
    made = cookie(estate, private=False)
    assert made.password == ""
    assert estate.org.check_cookie("ex02", made) == Denied(Denial.COOKIE_EXPIRED)
    estate.wait(899)
    assert isinstance(estate.org.check_cookie("ex01", made), Principal)
    estate.wait(900)
    assert estate.org.check_cookie("ex01", made) == Denied(Denial.COOKIE_EXPIRED)


def test_before_2013_a_recycle_ends_the_servers_sessions_and_nothing_is_issued_anew() -> None:
    estate = Estate(Version.V2007)
    made = cookie(estate)
    estate.wait(14_400)
    assert estate.org.renew_cookie(made) is None
    assert isinstance(estate.org.check_cookie("ex01", made), Principal)
    estate.org.recycle("ex01", Pool.OWA)
    assert estate.org.check_cookie("ex01", made) == Denied(Denial.COOKIE_EXPIRED)


def test_a_page_that_only_asks_by_itself_is_out_when_the_cookie_ends() -> None:
    estate = Estate()
    made = cookie(estate)
    estate.wait(43_200)
    assert estate.org.renew_cookie(made) is None
    assert estate.org.check_cookie("ex01", made) == Denied(Denial.COOKIE_EXPIRED)


def test_its_repr_has_no_password() -> None:
    assert OLD not in repr(cookie(Estate()))
