# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import structlog
from msgspec import Struct

from evict.core.secret import Secret
from evict.obs.escape import escape
from evict.obs.log import MAX_TEXT, configure_logging

CANARY = "canary-5f2c"


class Holder(Struct):
    inner: object


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(*, json: bool = True, level: str = "info") -> io.StringIO:
    out = io.StringIO()
    configure_logging(stream=out, json=json, level=level)
    return out


def records(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_record_is_one_json_line_with_utc_time_and_level() -> None:
    out = logged()
    structlog.get_logger().info("door.shut", door="dovecot/imap/session", ms=1.5)
    (record,) = records(out)
    assert record["event"] == "door.shut"
    assert (record["level"], record["door"], record["ms"]) == (
        "info",
        "dovecot/imap/session",
        1.5,
    )
    assert record["at"].endswith("Z")


def fail_with(value: object) -> NoReturn:
    raise ValueError(value)


def deep(value: object, depth: int) -> object:
    return [deep(value, depth - 1)] if depth else value


SECRET = Secret(CANARY)
PLACES: dict[str, object] = {
    "bare": SECRET,
    "list": [SECRET],
    "tuple": (1, (SECRET,)),
    "set": {SECRET},
    "value": {"a": {"b": SECRET}},
    "key": {SECRET: 1},
    "struct": Holder(SECRET),
    "struct in list": [Holder({"x": SECRET})],
    "error": ValueError(SECRET),
    "text": f"password {SECRET}",
    "very deep": deep(SECRET, 40),
}


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_secret_anywhere_in_an_event_never_appears(place: object, *, as_json: bool) -> None:
    out = logged(json=as_json)
    log = structlog.get_logger()
    log.bind(bound=place).info("event", field=place)
    log.info(str(place))
    logging.getLogger("foreign").warning("said %s", place)
    try:
        fail_with(place)
    except ValueError:
        log.exception("failed", field=place)
        logging.getLogger("foreign").exception("failed")
    assert CANARY not in out.getvalue()
    assert "***" in out.getvalue()


def test_the_canary_would_be_seen_if_it_were_revealed() -> None:
    out = logged()
    structlog.get_logger().info("event", field=SECRET.reveal())
    assert CANARY in out.getvalue()


HOSTILE = 'x\x1b[2J\r\n{"event":"forged"}\u202e\u2028\x00'


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
def test_hostile_text_moves_no_cursor_and_forges_no_line(*, as_json: bool) -> None:
    out = logged(json=as_json)
    structlog.get_logger().info(HOSTILE, field=HOSTILE, deep=[{HOSTILE: HOSTILE}])
    text = out.getvalue()
    assert text.count("\n") == 1
    assert not set(text) & set("\x1b\r\u202e\u2028\x00")


def test_no_line_of_a_trace_can_pass_for_a_record() -> None:
    out = logged(json=False)
    try:
        fail_with(HOSTILE)
    except ValueError:
        structlog.get_logger().exception("failed")
    _, *trace = out.getvalue().rstrip("\n").split("\n")
    assert trace
    assert all(line.startswith("    ") or not line for line in trace)


def test_a_foreign_record_takes_the_same_form_and_its_chatter_is_left_out() -> None:
    out = logged()
    logging.getLogger("foreign").info("chatter")
    logging.getLogger("foreign").error("broken \x1b %s", 3)
    (record,) = records(out)
    assert (record["event"], record["level"]) == ("broken \\u001b 3", "error")


def test_levels_below_the_wanted_one_are_left_out_and_long_text_is_cut() -> None:
    out = logged(level="warning")
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud", field="x" * (MAX_TEXT + 1))
    (record,) = records(out)
    assert (record["event"], len(record["field"])) == ("loud", MAX_TEXT)


def test_escape_leaves_letters_of_all_scripts_and_what_is_kept() -> None:
    assert escape("Zoë Ω 漢 😀") == "Zoë Ω 漢 😀"
    assert escape("a\nb\U000e0001", keep="\n") == "a\nb\\U000e0001"
