# SPDX-License-Identifier: Apache-2.0
"""What of a leaver's goes on after the disable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng

from evict.simulate import leaver, tokens
from evict.simulate.theory import Floats
from evict.simulate.tokens import TICKS
from tests.unit.simulate.made import company

COUNT = 400
WEB, PHONE, EWS = range(3)


def hours(client: int, ttl_s: float, **changes: Any) -> Floats:
    """How long each of some leavers gets in."""
    found = leaver.exposures(default_rng(1), COUNT, company(**changes), tokens.ticks([ttl_s]))
    assert found.holds[client].all()
    assert found.holds.sum() == COUNT
    out: Floats = found.ticks[client, 0] / TICKS / 3600
    return out


def left_open(ttl_s: float = 900, **changes: Any) -> Floats:
    fate = {"leaver_leaves_open_share": 1.0, "leaver_keeps_using_share": 0.0}
    return hours(WEB, ttl_s, **{"web_kept_open_share": 1.0} | fate | changes)


def test_a_page_left_open_goes_on_until_its_cookie_ends() -> None:
    found = left_open()
    assert found.max() <= 12
    assert np.median(found) > 8
    assert left_open(owa_private_timeout_s=3600.0).max() <= 1.5
    assert left_open(owa_private_timeout_s=3600.0, owa_cookie_life_factor=3.0).max() > 1.5


def test_a_page_left_open_ends_at_once_where_it_asks_too_seldom() -> None:
    assert left_open(60, browser_use_s=1e9).max() == 0
    assert left_open(61, browser_use_s=1e9).max() > 1
    assert left_open(browser_poll_s=1000.0, browser_use_s=1e9).max() == 0


def test_a_computer_that_is_off_at_the_disable_has_no_page_open() -> None:
    assert left_open(disable_from_h=20.0, disable_to_h=22.0).max() == 0


def test_somebody_who_keeps_using_web_mail_is_in_for_longer_than_his_page_alone() -> None:
    uses = {"leaver_leaves_open_share": 0.0, "leaver_keeps_using_share": 1.0}
    found = left_open(**uses)
    assert found.max() > left_open().max()
    assert found.mean() > left_open().mean()


@pytest.mark.parametrize(
    ("client", "changes"),
    [
        (WEB, {"web_kept_open_share": 1.0, "leaver_keeps_using_share": 0.0}),
        (WEB, {"web_now_and_then_share": 1.0, "leaver_keeps_using_share": 0.0}),
        (PHONE, {"phone_share": 1.0, "leaver_devices_go_on_share": 0.0}),
        (EWS, {"ews_share": 1.0, "leaver_devices_go_on_share": 0.0}),
    ],
)
def test_whose_clients_all_stop_has_no_exposure(client: int, changes: dict[str, float]) -> None:
    assert hours(client, 3600, **changes).max() == 0


def test_a_program_that_is_on_by_day_only_ends_in_the_evening() -> None:
    found = hours(EWS, 900, ews_share=1.0, ews_always_on_share=0.0)
    assert 6 < found.max() <= 9
    assert (found <= 9).all()


def test_more_lifetimes_at_once_change_nothing() -> None:
    numbers = company(phone_share=1.0)
    both = leaver.exposures(default_rng(3), 200, numbers, tokens.ticks([900, 3600])).ticks
    one = leaver.exposures(default_rng(3), 200, numbers, tokens.ticks([3600])).ticks
    assert np.array_equal(both[:, 1], one[:, 0])
