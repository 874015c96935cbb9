# SPDX-License-Identifier: Apache-2.0
"""Where a command's words go: data on stdout, talk on stderr, and what its exit code is."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Final, NoReturn

import msgspec
from rich.console import Console

from evict.core.errors import EvictError, ExitCode
from evict.obs.escape import escape

_WIDTH_OF_A_PIPE: Final = 160
_INTERRUPTED: Final = 130
"""128 + SIGINT, as a shell says it."""


class CommandFailed(EvictError):
    """An error that another process told us of, with the code and the exit code it has there."""

    def __init__(self, code: str, exit_code: ExitCode, text: str) -> None:
        super().__init__(text)
        self.told_code = code
        self.told_exit_code = exit_code


class Output:
    """One command's output.

    Attributes:
        json: data is wanted as JSON.
        page: stdout, for people's data. Colour only on a terminal and without NO_COLOR.
        talk: stderr, for progress and remarks.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.page = _console(stderr=False)
        self.talk = _console(stderr=True)

    def data(self, value: object) -> None:
        """Print one JSON object on stdout. A secret in it is a `TypeError`, not an output."""
        raw = msgspec.json.encode(value, enc_hook=_to_json)
        self.page.file.write(msgspec.json.format(raw, indent=2).decode() + "\n")
        self.page.file.flush()


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_PIPE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def _to_json(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not printed")


def exit_code_of(error: BaseException) -> int:
    """The exit code that an error ends a command with."""
    match error:
        case CommandFailed():
            return error.told_exit_code
        case EvictError():
            return error.exit_code
        case KeyboardInterrupt():
            return _INTERRUPTED
        case _:
            return ExitCode.BUG


def exit_with(error: BaseException) -> NoReturn:
    """Say an error in one line on stderr, `evict: text [code]`, and end with its exit code.

    Of a group of expected ones the first is said: the others fell with it. What nobody expected is
    ours: it comes with its trace and exit code 70.
    """
    error = _first_expected(error)
    match error:
        case CommandFailed():
            line = f"{escape(error.text)} [{error.told_code}]"
        case EvictError():
            line = f"{escape(error.text)} [{error.code}]"
        case KeyboardInterrupt():
            line = "interrupted"
        case _:
            trace = "".join(traceback.format_exception(error))
            sys.stderr.write(escape(trace, keep="\n"))
            line = f"this should not happen, please report it: {type(error).__name__} [bug]"
    sys.stderr.write(f"evict: {line}\n")
    raise SystemExit(int(exit_code_of(error)))


def _first_expected(error: BaseException) -> BaseException:
    """The first leaf of an exception group that holds nothing but expected errors."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    _, others = error.split(EvictError)
    if others is not None:
        return error
    return _first_expected(error.exceptions[0])
