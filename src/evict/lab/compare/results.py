# SPDX-License-Identifier: Apache-2.0
"""What a comparison says. All of it is modelled; nothing here was measured on a server."""

from __future__ import annotations

from msgspec import Struct


class DoorExposure(Struct, frozen=True, kw_only=True):
    """Seconds from the order to the last time that the door let the leaver in.

    A run whose door is still open at the end of the watch counts as longer than all others; a
    quantile that falls among those is None: no bound.

    Attributes:
        open_runs: how many of the runs left it open.
    """

    door: str
    p50_s: float | None
    p95_s: float | None
    max_s: float | None
    open_runs: int


class Done(Struct, frozen=True, kw_only=True):
    """One step of a recipe; `missing` says why it cannot be done here, "" where it can."""

    step: str
    missing: str = ""


class RecipeResult(Struct, frozen=True, kw_only=True):
    """One recipe over all runs; what it does to others is the mean of one run.

    Attributes:
        not_possible: why none of it was run on this version; then there are no figures.
        doors_left_open: doors that some run left open.
        sessions_dropped: of bystanders, which somebody ended.
        prompts: how often bystanders were asked for their password.
        people_disturbed: bystanders who were cut, asked or refused at least once.
        mails_bounced: to the leaver, in the hour after the order.
        sign_ins_added: at the directory, in the hour after the order, more than without any recipe.
        steps_s: of an administrator's time, until the last step was done.
    """

    name: str
    title: str
    source: str
    steps: tuple[Done, ...]
    runs: int = 0
    not_possible: str = ""
    doors: tuple[DoorExposure, ...] = ()
    doors_left_open: tuple[str, ...] = ()
    sessions_dropped: float = 0.0
    prompts: float = 0.0
    people_disturbed: float = 0.0
    mails_bounced: float = 0.0
    sign_ins_added: float = 0.0
    steps_s: float = 0.0


class Comparison(Struct, frozen=True, kw_only=True):
    """All recipes. `watch_s` is how long the doors were tried, `people` how many bystanders."""

    version: str
    seed: int
    runs: int
    watch_s: float
    bystanders: int
    recipes: tuple[RecipeResult, ...]
    kind: str = "modelled"
