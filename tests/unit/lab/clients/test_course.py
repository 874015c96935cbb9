# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random

from evict.lab.clients.place import Place
from evict.lab.model.profile import Version


def test_acts_happen_in_order_at_their_instants() -> None:
    at = Place(Version.V2019, random.Random(1))
    begun, seen = at.now_s, []
    for wait in (30.0, 10.0, 20.0):
        at.course.after(wait, lambda: seen.append(at.now_s - begun))
    at.pass_s(25)
    assert seen == [10.0, 20.0]
    at.pass_s(5)
    assert seen == [10.0, 20.0, 30.0]
    assert at.now_s == begun + 30


def test_what_fell_due_in_the_organisation_is_done_before_an_act() -> None:
    at = Place(Version.V2019, random.Random(1))
    at.organisation.add_person("alice", "Alice", "Password-1", "DB01")
    at.organisation.quarantine("alice", 60)
    held: list[bool] = []

    def look() -> None:
        held.append(at.organisation.mailboxes["alice"].quarantine is not None)

    at.course.after(59, look)
    at.course.after(60, look)
    at.pass_s(100)
    assert held == [True, False]


def test_an_act_of_the_past_is_done_now() -> None:
    at = Place(Version.V2019, random.Random(1))
    seen: list[float] = []
    at.course.at(at.now_s - 100, lambda: seen.append(at.now_s))
    at.pass_s(0)
    assert seen == [at.now_s]


def test_what_the_organisation_sets_off_at_the_end_of_the_time_is_done_too() -> None:
    at = Place(Version.V2019, random.Random(1))
    seen: list[float] = []
    due_s = at.now_s + 50
    at.organisation.timers.at(due_s, lambda: at.course.after(0, lambda: seen.append(at.now_s)))
    at.pass_s(100)
    assert seen == [due_s]
