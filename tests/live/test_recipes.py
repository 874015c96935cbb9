# SPDX-License-Identifier: Apache-2.0
"""The measured recipes: what they find on real servers, in one short run each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.recipes import Kitchen, table
from bench.recipes_clients import BIND
from bench.recipes_directory import note_sign_ins, sign_ins
from bench.recipes_steps import EVICT, Room
from estate.layout import Layout
from estate.product import Product

pytestmark = pytest.mark.live

WATCH_S = 3.0
SAID = (
    "  Auth: [{how}] user [CORP]\\[{user}] at [Tue, 24 Nov 2026 14:31:{second}.500000 UTC]"
    " with [Plaintext] status [NT_STATUS_OK]\n"
)
AT_NS = 1_795_530_660 * 10**9
"""14:31:00 of that day."""


@pytest.fixture(scope="module")
def kitchen(product: Product) -> Kitchen:
    note_sign_ins(product.layout)
    return Kitchen(Room(product.layout, product), runs=1, watch_s=WATCH_S)


def test_a_disable_shuts_the_directory_and_no_other_door(kitchen: Kitchen) -> None:
    outcome = kitchen.carry_out("disable")
    shut = [door for door in outcome.doors if None not in outcome.exposures(door)]
    assert shut == [BIND]
    assert len(outcome.doors) == 18
    assert (outcome.held, outcome.dropped) == (60, 0)
    assert outcome.sign_ins == {"administrator": 1}, "Dovecot's cache asks nobody"
    assert outcome.runs[0].steps_ms > 0


def test_evict_shuts_every_door_and_each_within_the_command(kitchen: Kitchen) -> None:
    outcome = kitchen.carry_out(EVICT)
    (run,) = outcome.runs
    assert run.said == ("shut, exit code 0",)
    exposures = [door.exposure_ms for door in run.doors]
    assert all(ms is not None and ms < run.steps_ms for ms in exposures), run.doors
    assert outcome.dropped == 0
    assert all(row.met is not False for row in table([outcome], WATCH_S))


def test_a_kick_alone_is_followed_by_new_logins(kitchen: Kitchen) -> None:
    outcome = kitchen.carry_out("disable+kick")
    (ended,) = outcome.exposures("imap live")
    assert ended is not None
    assert outcome.exposures("imap new") == [None]
    assert outcome.exposures("submission live") == [None], "Dovecot does not know it"


def test_sign_ins_are_counted_by_who_makes_them(tmp_path: Path) -> None:
    layout = Layout.at("127.91.0.1", tmp_path)
    layout.logs.mkdir()
    simple = "LDAP,simple bind/TLS"
    (layout.logs / "samba.log").write_text(
        SAID.format(how=simple, user="CN=leaver,OU=People,DC=corp,DC=test", second="10")
        + SAID.format(how=simple, user="CN=carol,OU=People,DC=corp,DC=test", second="11")
        + SAID.format(how=simple, user="leaver@corp.test", second="12")
        + SAID.format(how="Kerberos KDC,x", user="leaver\\\\@CORP.TEST@CORP.TEST", second="13")
        + SAID.format(how=simple, user="svc-mail@corp.test", second="59")
        + "  something else\n"
    )
    seen = sign_ins(layout, AT_NS, AT_NS + 30 * 10**9, {"leaver"})
    assert seen == {
        "a leaver, through Dovecot": 1,
        "carol, through Dovecot": 1,
        "a leaver's name, at the KDC": 1,
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recipe", "iisreset"), "invalid choice: 'iisreset'"),
        (("--runs", "0"), "--runs is 1 to 99"),
        (("--watch", "-1"), "--watch more than 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_starts(
    arguments: tuple[str, ...], said: str
) -> None:
    begun = time.monotonic()
    command = [sys.executable, "-m", "bench.recipes", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert time.monotonic() - begun < 10
