# SPDX-License-Identifier: Apache-2.0
"""One day of a part of the company: who has to sign in at the directory, and when."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.random import Generator

from evict.simulate import clients, tokens
from evict.simulate.cookies import cookies
from evict.simulate.population import Population
from evict.simulate.tokens import Ints

CLIENTS = ("web", "phone", "ews")
"""Whose sign-ins a token saves: forms and Basic (KB 3035228)."""


class Load(Struct, frozen=True, kw_only=True):
    """Attributes.

    sign_ins: by client, lifetime and minute.
    requests: by client.
    forms: how often a login form was shown because a cookie's time was over.
    """

    sign_ins: Ints
    requests: Ints
    forms: int


def one_day(dice: Generator, people: int, numbers: Population, lifetimes: Ints) -> Load:
    """Everybody's requests of a day that is like the day before."""
    kept_open, public = dice.multinomial(people, _of_web(numbers))[:2]
    pages = clients.pages(dice, int(kept_open), numbers, 1)
    visits = clients.now_and_then(dice, int(public), numbers, 1)
    phones = clients.phones(dice, dice.binomial(people, numbers.phone_share), numbers, 1, ring=True)
    programs = dice.binomial(people, numbers.ews_share)
    all_day = dice.random(programs) < numbers.ews_always_on_share
    polls = clients.programs(dice, programs, numbers, 1, all_day=all_day)
    forms = _forms(pages.requests[pages.acted], numbers.owa_private_timeout_s, numbers)
    forms += _forms(visits, numbers.owa_public_timeout_s, numbers)
    rows = ((pages.requests, visits), (phones,), (polls,))
    sign_ins = [sum(_count(dice, row, numbers, lifetimes) for row in of) for of in rows]
    return Load(
        sign_ins=np.array(sign_ins),
        requests=np.array([sum(len(row) for row in of) for of in rows]),
        forms=forms,
    )


def over_servers(dice: Generator, requests: Ints, numbers: Population) -> Ints:
    """The same requests, each holder's token of each server a holder of its own."""
    if numbers.balancing == "sticky" or numbers.servers == 1:
        return requests
    server = dice.integers(0, numbers.servers, len(requests))
    holder = tokens.whose(requests) * numbers.servers + server
    return tokens.pack(holder, tokens.when(requests))


def _of_web(numbers: Population) -> tuple[float, float, float]:
    open_, seldom = numbers.web_kept_open_share, numbers.web_now_and_then_share
    return open_, seldom, max(1 - open_ - seldom, 0.0)


def _count(dice: Generator, requests: Ints, numbers: Population, lifetimes: Ints) -> Ints:
    row = over_servers(dice, requests, numbers)
    return tokens.sign_ins_by_minute(row, tokens.gaps(row, ring=True), lifetimes)


def _forms(acts: Ints, timeout_s: float, numbers: Population) -> int:
    """Login forms of the second of two days that are alike."""
    again = np.sort(np.concatenate((acts, acts + tokens.DAY)))
    shown = cookies(again, timeout_s, numbers.owa_cookie_life_factor).forms
    return int(np.count_nonzero(shown & (tokens.when(again) >= tokens.DAY)))
