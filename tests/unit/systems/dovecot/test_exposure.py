# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.core.exposure import Exposure, Source
from evict.systems.dovecot.doors import Doors
from evict.systems.dovecot.exposure import exposures
from evict.systems.dovecot.settings import Settings
from tests.unit.systems.dovecot.samples import recorded, section


def lines(read: Settings, *, minutes: int | None = None, hook: bool = True) -> dict[str, Exposure]:
    made = section() if hook else section(hook=None)
    found = exposures(Doors(made), read, ticket_life_minutes=minutes)
    return {line.door.name: line for line in found}


def test_a_cache_keeps_new_logins_open_for_its_ttl() -> None:
    line = lines(recorded())["dovecot/imap/password"]
    assert (line.closes_after_s, line.source) == (3600, Source.READ)
    assert (line.setting, line.value) == ("auth_cache_ttl", "1 hours")


def test_without_a_cache_new_logins_end_at_once() -> None:
    line = lines(recorded(auth_cache_size="0"))["dovecot/pop3/password"]
    assert (line.closes_after_s, line.setting) == (0, "auth_cache_size")


def test_a_cache_size_that_cannot_be_read_is_not_taken_for_none() -> None:
    line = lines(recorded(auth_cache_size="?", auth_cache_ttl="10 mins"))["dovecot/pop3/password"]
    assert line.closes_after_s == 600


def test_a_hook_shortens_nothing_of_a_plain_disable() -> None:
    assert lines(recorded()) == lines(recorded(), hook=False)


def test_live_sessions_and_redirects_never_end_by_themselves() -> None:
    found = lines(recorded())
    never = {name for name, line in found.items() if line.closes_after_s is None}
    assert never == {
        "dovecot/imap/session",
        "dovecot/pop3/session",
        "dovecot/managesieve/session",
        "dovecot/sieve/grant",
    }
    assert all(line.reason and line.remedy for line in found.values())


def test_a_tickets_life_is_declared_or_assumed() -> None:
    assumed = lines(recorded())["dovecot/imap/ticket"]
    assert (assumed.closes_after_s, assumed.source) == (36000, Source.ASSUMED)
    declared = lines(recorded(), minutes=240)["dovecot/imap/ticket"]
    assert (declared.closes_after_s, declared.source) == (14400, Source.DECLARED)
