# SPDX-License-Identifier: Apache-2.0
"""`evict lab compare` as a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ("--runs", "2", "--watch-h", "1", "--bystanders", "3", "--processes", "1")


def compared(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evict", "lab", "compare", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_table_names_the_recipes_and_says_that_it_is_modelled() -> None:
    done = compared(*SMALL, "--recipe", "disable", "--recipe", "evict-hook")
    assert done.returncode == 0
    assert "modelled" in done.stdout
    assert "disable in the directory" in done.stdout
    assert "Evict, hook at the front" in done.stdout
    assert "CIPP" not in done.stdout


def test_json_holds_every_recipe_and_what_is_missing_on_an_old_version(tmp_path: Path) -> None:
    svg = tmp_path / "picture.svg"
    done = compared(*SMALL, "--version", "2010", "--json", "--svg", str(svg))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["kind"] == "modelled"
    by_name = {recipe["name"]: recipe for recipe in told["recipes"]}
    assert by_name["quarantine"]["not_possible"].endswith("no Enable-MailboxQuarantine")
    assert by_name["evict"]["runs"] == 2
    assert "<svg" in svg.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--recipe", "iisrest"), "no recipe 'iisrest'; the nearest is 'iisreset'"),
        (("--version", "2O19"), "no version of Exchange '2O19'; the nearest is '2019'"),
        (("--runs", "0"), "--runs is 0; it must be from 1 to"),
        (("--bystanders", "1"), "--bystanders is 1; it must be from 2 to"),
        (("--watch-h", "0.5"), "--watch-h is 0.5; it must be from 1 to"),
        (("--watch-h", "nan"), "--watch-h is nan; it must be from 1 to"),
        (("--processes", "0"), "--processes is 0; it must be from 1 to"),
        (
            ("--version", "2010", "--recipe", "quarantine"),
            "the recipe 'quarantine' cannot be done: quarantine the mailbox: Exchange 2010 has no",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(options: tuple[str, ...], said: str) -> None:
    done = compared(*options)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_picture_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = compared(*SMALL, "--recipe", "disable", "--svg", str(tmp_path / "no" / "x.svg"))
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
