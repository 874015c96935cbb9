# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping


class EstateError(Exception):
    """The estate could not be made, started or stopped; the text says which step and why."""


def run(
    *command: str | os.PathLike[str],
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
) -> str:
    """Run to the end and return what it printed.

    Raises:
        EstateError: it failed or took too long; with the last lines of its output.
    """
    name = os.fspath(command[0])
    with tempfile.TemporaryFile("w+") as output:
        # A file, not a pipe: a daemon keeps it open after its starter has ended.
        try:
            done = subprocess.run(
                command,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout_s,
                env={**os.environ, **(env or {})},
                check=False,
            )
        except FileNotFoundError as error:
            raise EstateError(f"{name} is not installed; run tools/install-live") from error
        except subprocess.TimeoutExpired as error:
            raise EstateError(f"{name} did not end within {timeout_s:g} s") from error
        output.seek(0)
        printed = output.read()
    if done.returncode != 0:
        last = "\n".join(printed.strip().splitlines()[-12:])
        raise EstateError(f"{name} ended with code {done.returncode}:\n{last}")
    return printed
