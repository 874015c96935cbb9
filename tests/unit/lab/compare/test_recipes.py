# SPDX-License-Identifier: Apache-2.0
"""What each recipe does in one run, by the model's rules; figures of many runs are no test's."""

from __future__ import annotations

from functools import cache

import pytest

from evict.control.cases import runner
from evict.lab.compare import steps
from evict.lab.compare.comparing import not_possible
from evict.lab.compare.doors import Door
from evict.lab.compare.recipes import NOTHING, RECIPES, names
from evict.lab.compare.run import Course, RunSeen, run_once
from evict.lab.compare.scene import COMPETITOR, Scene
from evict.lab.model.profile import Profile, Version

BY_NAME = {recipe.name: recipe for recipe in (*RECIPES, NOTHING)}
WEB = (Door.PAGE, Door.WEB, Door.PHONE, Door.EWS, Door.SHARED)


@cache
def seen(name: str, version: Version = Version.V2019) -> RunSeen:
    course = Course(version=version, bystanders=8, watch_s=6 * 3600)
    return run_once(BY_NAME[name], course, "test/1")


def still_open(name: str, version: Version = Version.V2019) -> set[str]:
    return {door for door, last in seen(name, version).last_s.items() if last is None}


def test_every_name_is_there_once() -> None:
    assert len(set(names())) == len(RECIPES)


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_recipe_that_a_version_can_runs_and_closes_at_least_new_sign_ins(
    name: str, version: Version
) -> None:
    if not_possible(BY_NAME[name], Profile(version)):
        step = not_possible(BY_NAME[name], Profile(version)).partition(":")[0]
        assert step in {each.what for each in BY_NAME[name].steps}
        return
    run = seen(name, version)
    if name == "nothing":
        assert still_open(name, version) >= {Door.PAGE, Door.POP3, Door.SENDING}
    else:
        assert run.last_s[Door.POP3] is not None
        assert run.last_s[Door.SENDING] is not None
        assert run.steps_s > 0


def test_a_disable_leaves_what_holds_a_token_or_a_connection() -> None:
    assert still_open("disable") >= {Door.PAGE, Door.OUTLOOK, Door.IMAP, Door.RULE}


def test_another_password_ends_nothing_that_the_disable_left() -> None:
    assert still_open("password") == still_open("disable")


def test_features_off_end_web_doors_within_the_servers_reading() -> None:
    delay = Scene(Version.V2019, "x", 2).organisation.delays.features_read_s.value
    run = seen("features")
    for door in WEB[:4]:
        last = run.last_s[door]
        assert last is not None
        assert last <= delay + run.steps_s


def test_features_off_leave_live_connections_and_sending() -> None:
    assert still_open("features") >= {Door.OUTLOOK, Door.IMAP}


def test_quarantine_shuts_the_mailbox_at_once_and_bounces_mail() -> None:
    run = seen("quarantine")
    assert run.mails_bounced > 0
    for door in (Door.PAGE, Door.OUTLOOK, Door.IMAP, Door.RULE):
        last = run.last_s[door]
        assert last is not None
        assert last <= run.steps_s


def test_quarantine_does_not_shut_somebody_else_s_mailbox_to_the_leaver() -> None:
    """What the leaver's token opens elsewhere is nothing to the leaver's own mailbox."""
    quarantine, disable = seen("quarantine"), seen("disable")
    assert quarantine.last_s[Door.SHARED] == disable.last_s[Door.SHARED]


def test_a_restart_of_everything_disturbs_most_people_and_the_narrow_measures_nobody() -> None:
    assert seen("iisreset").people_disturbed >= 6
    assert seen("iisreset").sessions_dropped > 0
    assert seen("disable").people_disturbed == seen("nothing").people_disturbed == 0


def test_short_tokens_cost_the_directory_more() -> None:
    assert seen("short-token").sign_ins > 1.3 * seen("disable").sign_ins


def test_evict_shuts_every_web_door_with_its_last_step() -> None:
    for name in ("evict", "evict-bounce", "evict-hook", "evict-hook-bounce"):
        run = seen(name)
        for door in WEB:
            last = run.last_s[door]
            assert last is not None
            assert last <= run.steps_s


def test_evict_leaves_nothing_where_mail_may_bounce() -> None:
    assert still_open("evict-bounce") == still_open("evict-hook-bounce") == set()


def test_on_2010_only_the_hook_is_in_front_of_the_tokens() -> None:
    hooked, bare = seen("evict-hook", Version.V2010), seen("evict", Version.V2010)
    assert all((hooked.last_s[door] or 0) <= hooked.steps_s for door in WEB)
    assert any((bare.last_s[door] or 0) > bare.steps_s for door in WEB)


def test_the_leaver_s_page_really_sends_and_the_rule_really_forwards() -> None:
    subjects, used = set[str](), 0
    for number in range(4):
        scene = Scene(Version.V2019, str(number), 2)
        scene.begin(60)
        scene.place.pass_s(3 * 3600)
        outside = scene.organisation.mail.outside
        subjects |= {mail.subject for mail in outside}
        used += any(COMPETITOR in mail.to for mail in outside)
        assert scene.forwarded_s is not None
    assert subjects == {"from the page", "an offer"}
    assert 0 < used < 4, "some leave the page alone, some write"


def test_the_looks_of_the_recipe_are_those_of_the_controller() -> None:
    assert steps.LOOK_EVERY_S == runner._SETTLE_S
