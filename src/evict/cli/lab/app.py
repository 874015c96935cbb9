# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from evict.cli.demo import processes
from evict.cli.ending import stop_at_signal
from evict.cli.lab.claims import claims
from evict.cli.lab.compare import compare
from evict.cli.options import Json
from evict.cli.output import Output
from evict.core.errors import ExitCode
from evict.lab.estate import control
from evict.lab.estate.layout import Layout
from evict.lab.estate.organisation import Options, running
from evict.lab.estate.welcome import welcome

app = App(name="lab")

app.command(claims)
app.command(compare)

Folder = Annotated[Path, Parameter(help="Where the lab keeps its certificates and sockets.")]
_FOLDER = Path("build/lab")


@app.default
def lab(
    *,
    version: str = "2019",
    people: int = 60,
    serve: bool = True,
    hook: bool | None = None,
    address: str = "127.80.0.1",
    folder: Folder = _FOLDER,
) -> ExitCode:
    """Run a small Exchange organisation on loopback until it is interrupted.

    Parameters
    ----------
    version
        2010, 2013, 2016, 2019 or SE.
    people
        How many, from seven to sixty.
    serve
        Run `evict serve` beside it.
    hook
        Let the balancer ask Evict's hook before each request; it refuses where nobody answers.
        Unless it is said otherwise, if `evict serve` runs beside it.
    address
        Of the balancer; the servers' addresses are counted from it.
    """
    layout = Layout(folder=folder.resolve(), address=address)
    asked = serve if hook is None else hook
    asyncio.run(_run(layout, Options(version=version, people=people, hook=asked), serve=serve))
    return ExitCode.OK


async def _run(layout: Layout, options: Options, *, serve: bool) -> None:
    stop = stop_at_signal()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(layout, options))
        if serve:
            served = await processes.start_serve(layout, hooked=options.hook)
            stack.push_async_callback(processes.stop, served)
        text = welcome(layout, options.version, options.people, served=serve)
        print(text, flush=True)  # noqa: T201 - this is what people read
        await stop.wait()


@app.command
def people(*, folder: Folder = _FOLDER, json: Json = False) -> ExitCode:
    """List everybody, with the password to sign in with."""
    return _ask(folder, control.People(), json=json)


@app.command
def disable(name: str, *, folder: Folder = _FOLDER, json: Json = False) -> ExitCode:
    """Disable an account in the lab's directory, the ordinary way, and do nothing else."""
    return _ask(folder, control.Disable(name=name), json=json)


@app.command
def enable(name: str, *, folder: Folder = _FOLDER, json: Json = False) -> ExitCode:
    """Enable it again."""
    return _ask(folder, control.Enable(name=name), json=json)


@app.command
def advance(seconds: float, *, folder: Folder = _FOLDER, json: Json = False) -> ExitCode:
    """Move the organisation's clock forwards; what falls due happens."""
    return _ask(folder, control.Advance(seconds=seconds), json=json)


@app.command
def deliver(
    to: str, subject: str, body: str = "", *, folder: Folder = _FOLDER, json: Json = False
) -> ExitCode:
    """Let a mail arrive from outside."""
    return _ask(folder, control.Deliver(to=to, subject=subject, body=body), json=json)


@app.command
def predict(name: str, *, folder: Folder = _FOLDER, json: Json = False) -> ExitCode:
    """Tell when each live session of somebody would close by itself, by the model's rules."""
    return _ask(folder, control.Predict(name=name), json=json)


@app.command
def status(*, folder: Folder = _FOLDER, json: Json = False) -> ExitCode:
    """Tell what time it is in the organisation, and how many sessions live."""
    return _ask(folder, control.Status(), json=json)


def _ask(folder: Path, command: control.Command, *, json: bool) -> ExitCode:
    layout = Layout(folder=folder.resolve())
    data = asyncio.run(control.ask(layout.control, command))
    output = Output(json=json)
    if json:
        output.data(data)
        return ExitCode.OK
    for line in _lines(data):
        output.page.print(line)
    return ExitCode.OK


def _lines(data: list[dict[str, object]] | dict[str, object]) -> list[str]:
    """A table with its names above, or one fact a line."""
    if isinstance(data, dict):
        facts = {_name(key): _word(key, value) for key, value in data.items()}
        width = max(map(len, facts))
        return [f"{name:{width}}  {value}" for name, value in facts.items()]
    if not data:
        return ["nothing live"]
    rows = [[_name(key) for key in data[0]]]
    rows += [[_word(key, value) for key, value in row.items()] for row in data]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{word:{width}}" for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _name(key: str) -> str:
    return key.removesuffix("_model_s").removesuffix("_s").replace("_", " ")


def _word(key: str, value: object) -> str:
    if key == "now" and isinstance(value, int | float):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if key.endswith("_s"):
        return f"{value:.0f} s" if isinstance(value, int | float) else "never"
    return str(value)
