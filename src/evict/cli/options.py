# SPDX-License-Identifier: Apache-2.0
"""Options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from evict.config.load import DEFAULT_PATH, load
from evict.config.model import Config

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Data as JSON on stdout.")]
ConfigPath = Annotated[
    Path | None,
    Parameter(
        name=["--config", "-c"],
        env_var="EVICT_CONFIG",
        help="Configuration; /etc/evict/evict.toml where it is not given.",
    ),
]


def read_settings(path: Path | None) -> Config:
    """The configuration that a command was given, or the default one."""
    return load(DEFAULT_PATH if path is None else path)
