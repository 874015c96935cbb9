# SPDX-License-Identifier: Apache-2.0
"""`evict simulate`: what a token lifetime does to a company, before anybody sets it."""

from __future__ import annotations

import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.text import Text

from evict.cli.options import Json
from evict.cli.output import Output
from evict.core.errors import ExitCode, UsageError

app = App(name="simulate")
_COLUMNS: Final = 96


@app.command
def ttl(
    *,
    people: int | None = None,
    lifetimes: str = "",
    seed: int = 1,
    leavers: int = 10_000,
    population: Annotated[Path | None, Parameter(name="--population")] = None,
    threads: int = 2,
    svg: Path | None = None,
    json: Json = False,
) -> ExitCode:
    """Weigh token lifetimes: exposure of leavers against sign-ins at the directory, and prompts.

    Parameters
    ----------
    people
        How many have a mailbox; the population's own number where it is not given.
    lifetimes
        UserTokenTTL in seconds, with commas between them; 0 means no cache.
    seed
        The same seed and population give the same numbers.
    leavers
        How many are drawn for the distribution of exposure.
    population
        TOML with what differs from the population in the package.
    threads
        They change how long it takes, and no number.
    svg
        Write the picture there.
    """
    if find_spec("numpy") is None:
        raise UsageError("the simulation needs numpy: install evict with the extra `simulate`")
    from evict.cli.simulate.picture import picture  # noqa: PLC0415 - numpy is an extra
    from evict.cli.simulate.plot import plot  # noqa: PLC0415
    from evict.cli.simulate.table import remarks, table  # noqa: PLC0415
    from evict.simulate import engine  # noqa: PLC0415
    from evict.simulate import population as numbers  # noqa: PLC0415

    out = Output(json=json)
    asked = _seconds(lifetimes) if lifetimes.strip() else engine.DEFAULT_LIFETIMES_S
    if people is not None and people < 1:
        raise UsageError(f"--people {people}: a company has at least one")
    changes = {} if people is None else {"people": people}
    if population is None:
        made = numbers.population(changes, "--people")
    else:
        made = numbers.read_population(population, changes)
    out.talk.print(Text(f"a day of {made.people:,} people, {leavers:,} leavers ..."))
    outcome = engine.simulate(made, asked, seed=seed, leavers=leavers, threads=threads)
    if svg is not None:
        _write(svg, picture(outcome))
        out.talk.print(Text(f"picture: {svg}"))
    if json:
        out.data(outcome)
        return ExitCode.OK
    out.page.print(table(outcome))
    for line in plot(outcome):
        out.page.print(line)
    for remark in textwrap.wrap(" ".join(remarks(outcome)), _COLUMNS):
        out.page.print(Text(remark))
    return ExitCode.OK


def _seconds(said: str) -> list[float]:
    """`0,60,900`."""
    out = []
    for part in said.split(","):
        try:
            out.append(float(part))
        except ValueError:
            raise UsageError(f"--lifetimes: {part.strip()!r} is no number of seconds") from None
    return out


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
