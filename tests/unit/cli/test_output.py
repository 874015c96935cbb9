# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from evict.cli.output import CommandFailed, Output, exit_code_of, exit_with
from evict.core.errors import (
    ConfigError,
    EvidenceUntold,
    ExitCode,
    GuardRefused,
    Unreachable,
    UsageError,
)
from evict.core.secret import Secret

ERRORS = [
    (UsageError("x"), 2, "evict: x [usage]"),
    (ConfigError("a: b: c"), 78, "evict: a: b: c [config]"),
    (GuardRefused("x"), 5, "evict: x [guard-refused]"),
    (EvidenceUntold("x"), 4, "evict: x [evidence-untold]"),
    (Unreachable("down", system="dc"), 75, "evict: dc: down [unreachable]"),
    (CommandFailed("ledger", ExitCode.TEMPORARY, "full"), 75, "evict: full [ledger]"),
    (KeyboardInterrupt(), 130, "evict: interrupted"),
]


@pytest.mark.parametrize(("error", "code", "line"), ERRORS, ids=lambda v: type(v).__name__)
def test_an_error_is_one_line_on_stderr_and_its_exit_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        exit_with(error)
    assert caught.value.code == code == exit_code_of(error)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", line + "\n")


def test_what_nobody_expected_is_a_bug_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        exit_with(KeyError("where"))
    said = capsys.readouterr()
    assert caught.value.code == 70
    assert "KeyError: 'where'" in said.err
    assert said.err.endswith("KeyError [bug]\n")


def test_hostile_text_in_an_error_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        exit_with(UsageError("no\x1b[2J\nevict: all is well\u202e"))
    assert capsys.readouterr().err == (
        "evict: no\\u001b[2J\\u000aevict: all is well\\u202e [usage]\n"
    )


def test_data_is_one_json_object_on_stdout_and_talk_is_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = Output(json=True)
    out.talk.print("working")
    out.data({"path": Path("/x"), "code": ExitCode.OK, "error": [UsageError.code]})
    said = capsys.readouterr()
    assert json.loads(said.out) == {"path": "/x", "code": 0, "error": ["usage"]}
    assert said.err == "working\n"


def test_a_secret_in_the_data_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match="Secret is not printed"):
        Output().data({"x": Secret("canary")})
    assert capsys.readouterr().out == ""


def test_no_colour_and_no_markup_reach_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output()
    out.page.print("[red]x[/red] :smile: 12", style="bold red")
    assert capsys.readouterr().out == "[red]x[/red] :smile: 12\n"


def test_of_a_group_of_expected_errors_the_first_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inner = ExceptionGroup("tasks", [ConfigError("the socket cannot be made")])
    with pytest.raises(SystemExit) as ended:
        exit_with(ExceptionGroup("tasks", [inner]))
    assert ended.value.code == 78
    assert capsys.readouterr().err == "evict: the socket cannot be made [config]\n"


def test_a_group_with_one_of_ours_in_it_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        exit_with(ExceptionGroup("tasks", [ConfigError("no"), ValueError("ours")]))
    assert ended.value.code == 70
    assert "[bug]" in capsys.readouterr().err
