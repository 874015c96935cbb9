# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.cli.choosing import chosen
from evict.cli.spans import span
from evict.core.errors import UsageError


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (0.24, "0.2 s"),
        (9.96, "10 s"),
        (66.0, "66 s"),
        (89.4, "89 s"),
        (89.6, "1 min"),
        (5340.0, "89 min"),
        (6236.0, "1.7 h"),
        (7200.0, "2 h"),
        (86400.0, "24 h"),
        (259200.0, "3 d"),
    ],
)
def test_a_time_is_rounded_for_people(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_no_time_passes_backwards() -> None:
    with pytest.raises(ValueError, match="no time"):
        span(-1)


def test_a_known_word_is_found_in_any_case() -> None:
    assert chosen("se", ["2019", "SE"], "version") == "SE"


def test_an_unknown_word_is_told_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no recipe 'quarentine'; the nearest is 'quarantine'"):
        chosen("quarentine", ["disable", "quarantine"], "recipe")
