# SPDX-License-Identifier: Apache-2.0
"""A token on the command line: by the name of its file only, for arguments are everybody's to read.

`--token-file` may stand anywhere before `--`; it says the same as the variable EVICT_TOKEN_FILE.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Final

from evict.config.secrets import read_secret
from evict.core.errors import UsageError
from evict.core.secret import Secret

OPTION: Final = "--token-file"
VARIABLE: Final = "EVICT_TOKEN_FILE"


def taken_out(
    arguments: Sequence[str], environ: MutableMapping[str, str] = os.environ
) -> list[str]:
    """The arguments without the option, whose value goes to the environment.

    Raises `UsageError` where no file is named.
    """
    left: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*left, argument, *waiting]
        name, equals, value = argument.partition("=")
        if name != OPTION:
            left.append(argument)
            continue
        file = value if equals else next(waiting, "")
        if not file:
            raise UsageError(f"{OPTION} needs the name of a file")
        environ[VARIABLE] = str(Path(file).absolute())
    return left


def token() -> Secret | None:
    """The token to ask with; None: as the user that this process runs as.

    Raises `ConfigError` where the file cannot be read, or others may read it.
    """
    file = os.environ.get(VARIABLE)
    return read_secret(Path(file).absolute()) if file else None
