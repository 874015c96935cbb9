# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a pipeline and writes what they give to its streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from psrpcore import Command, GetMetadata, PowerShell
from psrpcore.types import PSVersion

from evict.lab.cmdlets.words import (
    CmdletError,
    ErrorOut,
    HostText,
    Output,
    Progress,
    PsObject,
    Text,
    Verbose,
    Warning_,
)
from evict.lab.psrp.commands import Commands
from evict.lab.psrp.convert import error_record, from_wire, to_wire
from evict.lab.psrp.metadata import describe
from evict.lab.psrp.runspace import Pipeline
from evict.lab.psrp.script import NoLanguage, Step, parse

_BREATH: Final = 16
"""Objects written before others get their turn."""
_PASSING: Final = ("out-default",)
_EMPTY: Final = ("get-formatdata", "exit-pssession", "out-null")
"""What clients' own shells call around a session; here they say nothing."""
_WITH_INFORMATION: Final = PSVersion("2.3")


class Engine:
    """One pipeline's run.

    Args:
        incoming: what the client sent into it; None: nothing was announced.
        flush: takes what was written to the wire's queues.
    """

    def __init__(
        self,
        pipe: Pipeline,
        commands: Commands,
        caller: str,
        incoming: Sequence[object] | None,
        flush: Callable[[], None],
    ) -> None:
        self._pipe = pipe
        self._commands = commands
        self._caller = caller
        self._incoming = incoming
        self._flush = flush
        self._written = 0

    async def run(self) -> None:
        """Raises `CmdletError` where an error ends it."""
        plan = self._pipe.metadata
        if isinstance(plan, GetMetadata):
            for item in describe(self._commands, self._caller, plan.name or ["*"]):
                await self._write(item)
        elif isinstance(plan, PowerShell):
            for steps in statements(plan.commands):
                await self._statement(steps)

    async def _statement(self, steps: list[Step]) -> None:
        items = self._incoming
        for step in steps[:-1]:
            collected: list[object] = []
            async for output in self._outputs(step, items):
                if isinstance(output, PsObject):
                    collected.append(output)
                elif isinstance(output, Text):
                    collected.append(output.value)
                else:
                    self._tell(step, output)
            items = collected
        async for output in self._outputs(steps[-1], items):
            if isinstance(output, PsObject | Text):
                await self._write(to_wire(output))
            else:
                self._tell(steps[-1], output)
                self._flush()
                await asyncio.sleep(0)

    async def _outputs(self, step: Step, items: Sequence[object] | None) -> AsyncIterator[Output]:
        if self._commands.lookup(step.name) is None:
            if step.name.lower() == "get-command":
                await self._get_command(step)
                return
            if step.name.lower() in _PASSING:
                for item in items or ():
                    yield item if isinstance(item, PsObject) else Text(str(item))
                return
            if step.name.lower() in _EMPTY:
                return
        outputs = self._commands.invoke(
            step.name, step.arguments, caller=self._caller, pipeline_input=items
        )
        if isinstance(outputs, AsyncIterator):
            async for output in outputs:
                yield output
        else:
            for output in outputs:
                yield output

    async def _get_command(self, step: Step) -> None:
        """Wildcards by `-Name` or place; other parameters narrow nothing here."""
        given = [value for name, value in step.arguments if (name or "name").lower() == "name"]
        patterns = [p for value in given for p in (value if isinstance(value, list) else [value])]
        _, *found = describe(self._commands, self._caller, [str(p) for p in patterns])
        for item in found:
            await self._write(item)
        if not found and patterns and not any("*" in str(p) for p in patterns):
            raise CmdletError(
                f"The term '{patterns[0]}' is not recognized as the name of a cmdlet.",
                "CommandNotFoundException",
                category="ObjectNotFound",
                terminating=True,
            )

    async def _write(self, item: object) -> None:
        self._pipe.write_output(item)
        self._written += 1
        self._flush()
        if self._written % _BREATH == 0:
            await asyncio.sleep(0)

    def _tell(self, step: Step, output: Output) -> None:
        pipe = self._pipe
        if isinstance(output, Warning_):
            pipe.write_warning(output.text)
        elif isinstance(output, Verbose):
            pipe.write_verbose(output.text)
        elif isinstance(output, Progress):
            pipe.write_progress(output.activity, 1, output.status, percent_complete=output.percent)
        elif isinstance(output, ErrorOut):
            record = error_record(output.error, step.name)
            pipe.write_error(
                record.Exception,
                record.CategoryInfo,
                record.TargetObject,
                fully_qualified_error_id=record.FullyQualifiedErrorId,
            )
        elif isinstance(output, HostText):
            peer = pipe.runspace_pool.their_capability
            if peer is not None and peer.protocolversion >= _WITH_INFORMATION:
                pipe.write_information(
                    output.text, step.name, tags=["PSHOST"], user=self._caller, computer=""
                )


def statements(commands: Sequence[Command]) -> list[list[Step]]:
    """The commands as statements; a script is taken apart.

    Raises:
        CmdletError: a script that has more than commands in it, or an argument without sense.
    """
    done: list[list[Step]] = []
    steps: list[Step] = []
    for command in commands:
        if command.is_script:
            *whole, last = _script(command.command_text)
            done += [steps + whole[0], *whole[1:]] if whole else []
            steps = last if whole else steps + last
        else:
            steps = [*steps, Step(command.command_text, _arguments(command))]
        if command.end_of_statement:
            done.append(steps)
            steps = []
    return [statement for statement in [*done, steps] if statement]


def _arguments(command: Command) -> tuple[tuple[str | None, object], ...]:
    try:
        return tuple(
            (None if name is None else str(name).lstrip("-").rstrip(":"), from_wire(value))
            for name, value in command.parameters
        )
    except ValueError as wrong:
        raise CmdletError(
            str(wrong), "ParameterBindingException", category="InvalidArgument", terminating=True
        ) from None


def _script(text: str) -> list[list[Step]]:
    try:
        return parse(text) or [[]]
    except NoLanguage:
        raise CmdletError(
            "The syntax is not supported by this runspace. This can occur if the runspace is in"
            " no-language mode.",
            "ParseException",
            category="ParserError",
            error_id="ScriptsNotAllowed",
            terminating=True,
        ) from None
