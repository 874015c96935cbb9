# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from evict.core.errors import ConfigError
from evict.lab.model.delays import delays
from evict.simulate.population import Population, entries, population, read_population

SAME = {
    "browser_poll_s": "browser_poll_s",
    "browser_use_s": "browser_use_s",
    "owa_private_timeout_s": "owa_private_timeout_s",
    "owa_public_timeout_s": "owa_public_timeout_s",
    "owa_cookie_life_factor": "owa_cookie_life_factor",
    "heartbeat_shortest_s": "heartbeat_default_s",
    "heartbeat_longest_s": "heartbeat_max_s",
    "ews_poll_s": "mail_poll_s",
    "outlook_signs_in_s": "outlook_poll_s",
}
"""The simulation's numbers that the organisation has too, under its names."""


def test_every_number_has_a_source_and_a_mark() -> None:
    assert set(entries()) == set(Population.__struct_fields__)
    assert all(entry.source for entry in entries().values())
    assert {entry.mark for entry in entries().values()} <= {"documented", "reported", "assumed"}


@pytest.mark.parametrize(("mine", "its"), SAME.items())
def test_numbers_that_the_organisation_has_too_are_the_same(mine: str, its: str) -> None:
    delay = getattr(delays(), its)
    assert entries()[mine].value == delay.value
    assert entries()[mine].mark == delay.mark


def test_a_file_changes_what_it_holds_in_either_form(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text("people = 7\n[phone_share]\nvalue = 0.25\nsource = 'ours'\nmark = 'reported'\n")
    made = read_population(file)
    assert (made.people, made.phone_share, made.ews_share) == (7, 0.25, 0.1)
    assert read_population(file, {"people": 8}).people == 8


@pytest.mark.parametrize(("people", "servers"), [(1, 1), (5000, 1), (5001, 2), (1_000_000, 200)])
def test_servers_follow_from_people(people: int, servers: int) -> None:
    assert population({"people": people}).servers == servers


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("phone_shere", 0.5, "nearest valid one is phone_share"),
        ("people", 0, "people: expected"),
        ("people", -5, "people: expected"),
        ("people", "many", "people: expected"),
        ("people", True, "people: expected"),
        ("phone_share", 1.5, "phone_share: expected"),
        ("phone_share", -0.1, "phone_share: expected"),
        ("mails_a_day", -1, "mails_a_day: expected"),
        ("web_uses_a_day", -0.5, "web_uses_a_day: expected"),
        ("ews_poll_s", 0, "ews_poll_s: expected"),
        ("browser_poll_s", math.nan, "browser_poll_s: expected float"),
        ("netlogon_timeout_s", math.inf, "netlogon_timeout_s: expected a finite number"),
        ("hour_weights", [0] * 24, "hour_weights: expected a sum above 0"),
        ("hour_weights", [1] * 23, "hour_weights: expected"),
        ("hour_weights", [math.nan] + [1] * 23, "hour_weights: expected float"),
        ("hour_weights", [-1] + [1] * 23, "hour_weights: expected"),
        ("balancing", "random", "balancing: "),
        ("heartbeat_longest_s", 100, "shorter than heartbeat_shortest_s"),
        ("disable_to_h", 3, "before disable_from_h"),
        ("web_kept_open_share", 0.9, "more than 1"),
        ("leaver_keeps_using_share", 0.9, "more than 1"),
        ("computer_on_h", 20, "not within one day"),
        ("phone_share", {"value": 0.5, "why": "x"}, "phone_share: expected"),
        ("people", 10**12, "people: expected"),
        ("max_concurrent_api", 0, "max_concurrent_api: expected"),
        ("directory_takes_s", 0, "directory_takes_s: expected"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=r"^here: ") as caught:
        population({key: value}, "here")
    assert said in str(caught.value)


def test_more_servers_than_can_be_counted_are_refused() -> None:
    with pytest.raises(ConfigError, match="people_per_server: makes 200000 servers"):
        population({"people": 200_000, "people_per_server": 1})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"people: .*; .*ews_share: "):
        population({"people": 0, "ews_share": 2})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"people = ", "not TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (1024 * 1024 + 1), "larger than"),
        (b"x=" + b"[" * 100_000, "not TOML|nested too deeply"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name(
    tmp_path: Path, raw: bytes, said: str
) -> None:
    file = tmp_path / "p.toml"
    file.write_bytes(raw)
    with pytest.raises(ConfigError, match=said) as caught:
        read_population(file)
    assert str(caught.value).startswith(str(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_population(tmp_path / "none.toml")
