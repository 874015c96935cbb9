# SPDX-License-Identifier: Apache-2.0
"""Companies that have one kind of client and nothing else."""

from __future__ import annotations

from typing import Any

from evict.simulate.population import Population, population

NOBODY: dict[str, Any] = {
    "web_kept_open_share": 0.0,
    "web_now_and_then_share": 0.0,
    "phone_share": 0.0,
    "ews_share": 0.0,
    "outlook_share": 0.0,
    "mail_program_share": 0.0,
    "leaver_devices_go_on_share": 1.0,
    "leaver_leaves_open_share": 0.0,
    "leaver_keeps_using_share": 1.0,
}
FLAT: dict[str, Any] = {"hour_weights": [1.0] * 24}


def company(**changes: Any) -> Population:
    return population(NOBODY | changes)


def poisson(gap_s: float, people: int = 1000, **changes: Any) -> Population:
    """Requests at random, `gap_s` apart in the mean, at all hours, before and after the disable."""
    uses = {"web_now_and_then_share": 1.0, "web_uses_a_day": 86400 / gap_s}
    return population(NOBODY | FLAT | uses | {"people": people} | changes)
