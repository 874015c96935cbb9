# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from msgspec import Struct
from rich.text import Text

from evict.cli.options import ConfigPath, Json
from evict.cli.output import Output
from evict.config import example as example_file
from evict.config import show as effective
from evict.config.access import unknown_names
from evict.config.crosscheck import system_names
from evict.config.fields import settings
from evict.config.load import load
from evict.config.secrets import read_secret
from evict.core.errors import ConfigError, ExitCode

app = App(name="config", help="Check, show or begin the configuration.")
# Named, not imported: a check does not load what speaks to the control plane.
app.command("evict.cli.config_reload:reload", name="reload")


@app.command
def check(
    *,
    secrets: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    config: ConfigPath = None,
) -> ExitCode:
    """Check evict.toml and conf.d: every wrong key is named, with what was expected.

    Parameters
    ----------
    secrets
        Read every file of a secret too: is it there, and closed to other users?
    """
    settled = load(config)
    systems = [name for _, name in system_names(settled)]
    files = sorted(set(_secret_files(settled))) if secrets else []
    wrong = [text for file in files if (text := _unreadable(file))]
    if wrong:
        raise ConfigError("; ".join(wrong))
    out = Output(json=json)
    unknown = unknown_names(settled.access)
    for setting, names in unknown.items():
        nobody = f"access.{setting}: not on this host, so allowed nothing: {', '.join(names)}"
        out.talk.print(Text(nobody, style="yellow"))
    if json:
        hooks = settled.has_hooks
        out.data({"systems": systems, "secrets": files, "hooks": hooks, "unknown": unknown})
    else:
        read = f", {len(files)} secrets read" if secrets else ""
        out.page.print(f"the configuration is sound: {', '.join(systems)}{read}")
    return ExitCode.OK


@app.command
def show(*, json: Json = False, config: ConfigPath = None) -> ExitCode:
    """Print the configuration as it stands, defaults included; of secrets only the paths."""
    settled = load(config)
    out = Output(json=json)
    if json:
        out.data(settled)
    else:
        out.page.file.write(effective.show(settled))
    return ExitCode.OK


@app.command
def example() -> ExitCode:
    """Print a complete, commented evict.toml to begin with."""
    Output().page.file.write(example_file.example())
    return ExitCode.OK


def _secret_files(section: Struct) -> Iterator[Path]:
    for setting in settings(type(section)):
        value = getattr(section, setting.name)
        if setting.credential and value is not None:
            yield value
        elif setting.many:
            for element in value:
                yield from _secret_files(element)
        elif isinstance(value, Struct):
            yield from _secret_files(value)


def _unreadable(file: Path) -> str:
    try:
        read_secret(file)
    except ConfigError as error:
        return error.text
    return ""
