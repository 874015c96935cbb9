# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.words import Denial, Denied, ModelError, Pool, Principal
from tests.unit.lab.model.made import NAME, NEW, OLD, Estate


def test_a_token_outlives_the_disable_and_each_use_makes_it_last_longer() -> None:
    estate = Estate()
    estate.basic()
    estate.org.directory.disable("alice")
    for _ in range(48):
        estate.wait(600)
        assert isinstance(estate.basic(), Principal)


def test_a_token_that_rested_for_its_whole_life_is_gone() -> None:
    estate = Estate()
    estate.basic()
    estate.org.directory.disable("alice")
    estate.wait(900)
    assert estate.basic() == Denied(Denial.ACCOUNT_DISABLED)


def test_old_and_new_password_work_side_by_side_while_the_token_lives() -> None:
    estate = Estate()
    estate.basic(OLD)
    estate.org.directory.set_password("alice", NEW)
    estate.wait(60)
    assert isinstance(estate.basic(OLD), Principal)
    assert isinstance(estate.basic(NEW), Principal)
    estate.wait(900)
    assert estate.basic(OLD) == Denied(Denial.BAD_CREDENTIALS)
    assert isinstance(estate.basic(NEW), Principal)


def test_a_token_is_one_servers_and_one_pools() -> None:
    estate = Estate()
    estate.basic()
    estate.org.directory.disable("alice")
    assert isinstance(estate.basic(server="ex02"), Denied)
    other = estate.org.sign_in_basic("ex01", Pool.SYNC, NAME, OLD)
    assert isinstance(other, Denied)


def test_a_recycle_of_its_pool_ends_it_and_of_another_does_not() -> None:
    estate = Estate()
    estate.basic()
    estate.org.directory.disable("alice")
    estate.org.admin.recycle("ex01", Pool.OWA)
    assert isinstance(estate.basic(), Principal)
    estate.org.admin.recycle("ex01", Pool.SERVICES)
    assert isinstance(estate.basic(), Denied)


def test_a_new_lifetime_is_only_for_tokens_of_a_pool_that_started_since() -> None:
    estate = Estate()
    estate.basic()
    estate.org.admin.set_token_ttl("ex01", 60)
    estate.org.directory.disable("alice")
    estate.wait(600)
    assert isinstance(estate.basic(), Principal)
    estate.org.directory.enable("alice")
    estate.org.admin.recycle("ex01", Pool.SERVICES)
    estate.basic()
    estate.org.directory.disable("alice")
    estate.wait(60)
    assert isinstance(estate.basic(), Denied)


def test_an_integrated_sign_in_makes_no_token_and_takes_the_old_password_for_an_hour() -> None:
    estate = Estate()
    estate.org.directory.set_password("alice", NEW)
    assert isinstance(estate.org.sign_in_integrated("ex01", NAME, OLD), Principal)
    estate.wait(3600)
    assert isinstance(estate.org.sign_in_integrated("ex01", NAME, OLD), Denied)
    estate.org.directory.disable("alice")
    assert isinstance(estate.org.sign_in_integrated("ex01", NAME, NEW), Denied)


def test_iisreset_that_is_not_forced_can_fail_and_a_forced_one_ends_every_token() -> None:
    estate = Estate()
    estate.basic()
    estate.org.directory.disable("alice")
    estate.org.servers["ex01"].stops_late = True
    with pytest.raises(ModelError, match="timely"):
        estate.org.admin.iisreset("ex01", force=False)
    assert isinstance(estate.basic(), Principal)
    estate.org.admin.iisreset("ex01", force=True)
    assert isinstance(estate.basic(), Denied)
