# SPDX-License-Identifier: Apache-2.0
"""`evict simulate ttl` as a shell sees it, and the picture that it draws."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.cli.simulate import words
from evict.cli.simulate.picture import picture
from evict.cli.simulate.plot import plot
from evict.cli.svg import Svg
from evict.simulate.engine import simulate
from evict.simulate.population import population

SMALL = ("--people", "2000", "--leavers", "500")
SPACE = "{http://www.w3.org/2000/svg}"


def evict(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "evict", "simulate", "ttl", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environ, check=False, timeout=60
    )


def test_the_page_has_a_row_for_each_lifetime_and_fits_a_hundred_columns() -> None:
    done = evict(*SMALL, "--lifetimes", "0,60,900")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    for said in ("none", "1 min", "15 min", "Evict", "Modelled: 2,000 people", "MaxConcurrentApi"):
        assert said in done.stdout
    assert "2,000 people" in done.stderr


def test_json_is_the_same_each_time_and_says_that_it_is_modelled() -> None:
    one, two = evict(*SMALL, "--json"), evict(*SMALL, "--json", "--threads", "1")
    assert one.returncode == 0, one.stderr
    assert one.stdout == two.stdout
    told = json.loads(one.stdout)
    assert told["kind"] == "modelled"
    assert len(told["points"]) == 12
    assert [p["lifetime_s"] for p in told["points"]][8] == 900


def test_the_picture_is_written(tmp_path: Path) -> None:
    file = tmp_path / "ttl.svg"
    done = evict(*SMALL, "--svg", file)
    assert done.returncode == 0, done.stderr
    assert str(file) in done.stderr
    assert ET.fromstring(file.read_text()).tag == f"{SPACE}svg"  # noqa: S314 - ours


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--people", "0"), 2, "--people 0"),
        (("--people", "-3"), 2, "--people -3"),
        (("--people", "many"), 2, "[usage]"),
        (("--people", "1000000000"), 78, "people: expected"),
        (("--lifetimes=-5",), 2, "lifetime -5 s"),
        (("--lifetimes", "0,90000"), 2, "lifetime 90000 s"),
        (("--lifetimes", "0,soon"), 2, "'soon' is no number"),
        (("--lifetimes", "nan"), 2, "lifetime nan s"),
        (("--lifetimes", ","), 2, "is no number"),
        (("--leavers", "0"), 2, "leavers 0"),
        (("--seed", "-1"), 2, "seed -1"),
        (("--threads", "0"), 2, "threads 0"),
        (("--population", "none.toml"), 78, "none.toml: cannot be read"),
        (("--svg", "/dev/null/x.svg", "--people", "10", "--leavers", "10"), 2, "cannot be written"),
        (("--colour",), 2, "[usage]"),
    ],
)
def test_bad_input_is_one_line_and_its_exit_code(
    arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = evict(*arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_an_unknown_key_of_a_population_is_named_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text("mail_a_day = 3\n")
    done = evict("--population", file)
    assert done.returncode == 78
    assert f"{file}: mail_a_day: unknown key; the nearest valid one is mails_a_day" in done.stderr


def test_the_picture_says_its_message_and_that_it_is_modelled() -> None:
    found = simulate(population({"people": 4000}), leavers=2000)
    text = picture(found)
    assert text == picture(found)
    root = ET.fromstring(text)  # noqa: S314 - ours
    said = " ".join("".join(e.itertext()) for e in root.iter(f"{SPACE}text"))
    assert "times the sign-ins" in said
    assert "Modelled, not measured" in said
    assert "exposure 0, no sign-in added" in said
    title = root.find(f"{SPACE}title")
    assert title is not None
    assert title.text == words.message(found)[0]


@pytest.mark.parametrize("lifetimes", [(900,), (0,), (0, 86400), tuple(range(0, 4000, 20))])
def test_plot_and_picture_bear_any_lifetimes(lifetimes: tuple[float, ...]) -> None:
    found = simulate(population({"people": 50}), lifetimes, leavers=50)
    assert max(len(line) for line in plot(found)) <= 100
    ET.fromstring(picture(found))  # noqa: S314 - ours


def test_where_nobody_signs_in_there_is_still_a_picture() -> None:
    shares = ("web_kept_open_share", "web_now_and_then_share", "phone_share", "ews_share")
    found = simulate(population(dict.fromkeys(shares, 0.0) | {"people": 9}), leavers=9)
    assert "NaN" not in picture(found)
    assert plot(found)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0"),
        (0.4, "< 1 s"),
        (1, "1 s"),
        (90, "1.5 min"),
        (3600, "1 h"),
        (39228.6, "10.9 h"),
        (86399, "24 h"),
        (86400, "> 24 h"),
    ],
)
def test_durations_are_short(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


@given(st.text(), st.floats(-1e6, 1e6))
def test_any_words_make_a_well_formed_picture(said: str, at: float) -> None:
    svg = Svg(100, 50, title=said, desc=said)
    svg.text(at, at, said, turn=at)
    svg.line((at, 0), (0, at), stroke=said)
    svg.path([(at, at), (0, 0)], stroke="#000", tip=said)
    svg.circle((at, at), 2, fill="#000", tip=said)
    text = svg.render()
    root = ET.fromstring(text.encode())  # noqa: S314 - ours
    assert root.tag == f"{SPACE}svg"
    assert text.encode() == text.encode("utf-8", "strict")
