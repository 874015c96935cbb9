# SPDX-License-Identifier: Apache-2.0
"""The file of numbers, the versions, the timers: what everything else counts with."""

from __future__ import annotations

from time import perf_counter

import pytest

from evict.lab.model.delays import Delay, Delays, delays
from evict.lab.model.profile import Profile, Version
from evict.lab.model.timers import Timers
from evict.lab.model.tokens import TokenCache
from evict.lab.model.words import Pool, Protocol
from tests.unit.lab.model.made import Estate


@pytest.mark.parametrize("name", Delays.__struct_fields__)
def test_each_number_has_a_unit_a_source_versions_and_a_mark(name: str) -> None:
    delay: Delay = getattr(delays(), name)
    assert name.endswith(("_s", "_factor", "_per_user", "_per_s"))
    assert delay.value > 0
    assert len(delay.source) > 20 or delay.source.startswith("http")
    assert delay.versions
    if delay.mark == "documented":
        assert any(c in delay.source for c in ("KB ", "http", "MS-", "Set-", "Enable-", "IIS:")), (
            name
        )


def test_versions_have_what_the_reference_says() -> None:
    def having(feature: str) -> list[str]:
        return [v.value for v in Version if Profile(v).has(feature)]

    assert having("quarantine") == ["2013", "2016", "2019", "SE"]
    assert having("moves") == ["2010", "2013", "2016", "2019", "SE"]
    assert having("unified-messaging") == ["2007", "2010", "2013", "2016"]
    assert having("active-logon-cache") == ["2003", "2007", "2010"]
    assert having("account-only-wipe") == ["2016", "2019", "SE"]
    with pytest.raises(KeyError):
        having("telepathy")


def test_versions_have_builds_that_grow_and_activesync() -> None:
    builds = [Profile(v).build for v in Version]
    assert builds == sorted(builds)
    assert all("2.5" in Profile(v).activesync_versions for v in Version)
    assert Profile(Version.SE).activesync_versions[-1] == "16.1"


def test_outlook_is_served_by_a_worker_of_iis_from_2013_on() -> None:
    assert Profile(Version.V2010).pool_of(Protocol.MAPI) is None
    assert Profile(Version.V2013).pool_of(Protocol.MAPI) is Pool.MAPI
    assert Profile(Version.V2013).pool_of(Protocol.IMAP) is None
    assert Profile(Version.V2003).pool_of(Protocol.ACTIVESYNC) is Pool.OWA


def test_what_a_timer_sets_counts_from_when_it_was_due() -> None:
    timers, fired = Timers(), list[tuple[str, float]]()

    def first() -> None:
        fired.append(("first", timers.due))
        timers.at(timers.due + 5, lambda: fired.append(("second", timers.due)))

    timers.at(20, lambda: fired.append(("third", timers.due)))
    timers.at(10, first)
    timers.fire(9)
    assert fired == []
    assert timers.next_due() == 10
    timers.fire(100)
    assert fired == [("first", 10), ("second", 15), ("third", 20)]
    assert timers.next_due() is None
    assert len(timers) == 0


def test_a_cache_forgets_dead_tokens_without_being_asked_for_them() -> None:
    cache = TokenCache(900)
    for number in range(20_000):
        cache.add(f"u{number}", "p", f"u{number}", "", float(number))
    assert len(cache) < 10_000
    assert cache.find("u19999", "p", 20_000.0) is not None
    assert cache.find("u0", "p", 20_000.0) is None
    assert cache.holders(20_000.0) == {f"u{n}" for n in range(19_101, 20_000)}


def test_a_sign_in_among_many_costs_what_it_costs_among_few() -> None:
    cache = TokenCache(0)
    for number in range(100_000):
        cache.add(f"u{number}", "p", f"u{number}", "", 0.0)
    begun = perf_counter()
    for number in range(10_000):
        assert cache.find(f"u{number}", "p", 1e9) is not None
        assert len(cache.of(f"u{number}", 1e9)) == 1
    assert perf_counter() - begun < 2.0


def test_a_recycle_says_beforehand_whom_it_disturbs() -> None:
    estate = Estate()
    estate.ping()
    estate.org.sign_in_basic("ex01", Pool.SYNC, "bob", "Bob-password-1")
    assert estate.org.restarts.disturbs("ex01", Pool.SYNC) == {"alice", "bob"}
    assert estate.org.restarts.disturbs("ex02", Pool.SYNC) == set()
    assert estate.org.recycle("ex01", Pool.SYNC) == 1
    assert estate.org.restarts.disturbs("ex01", Pool.SYNC) == set()


def test_the_log_keeps_what_was_asked() -> None:
    estate = Estate()
    estate.org.log("ex01", Protocol.EWS, "alice", 200, url="/EWS/Exchange.asmx")
    (line,) = estate.org.http_log["ex01"]
    assert (line.at, line.protocol, line.status) == (estate.clock.now, "ews", 200)
    assert not estate.org.http_log["ex02"]
