# SPDX-License-Identifier: Apache-2.0
"""What a restricted shell has beside its own: Get-Command, Select-Object, Measure-Object.

Source: the commands that every restricted session of implicit remoting must have
(about_Session_Configurations).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets.binding import strings
from evict.lab.cmdlets.parameters import of_kind
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, Output, PsObject, Text

_COMMAND: Final = (
    "System.Management.Automation.CmdletInfo",
    "System.Management.Automation.CommandInfo",
    "System.Object",
)
_SELECTED: Final = (
    "Selected.System.Management.Automation.PSCustomObject",
    "System.Management.Automation.PSCustomObject",
    "System.Object",
)
_MEASURED: Final = (
    "Microsoft.PowerShell.Commands.GenericMeasureInfo",
    "Microsoft.PowerShell.Commands.MeasureInfo",
    "System.Object",
)


def get_command(call: Call) -> Iterator[Output]:
    patterns = [name.lower() for name in strings(call.bound.get("Name", ["*"]))]
    names = call.registry.commands(call.caller)
    for pattern in patterns:
        hits = [name for name in names if fnmatch.fnmatchcase(name.lower(), pattern)]
        if not hits and "*" not in pattern:
            raise CmdletError(
                f"The term '{pattern}' is not recognized as the name of a cmdlet, function, script"
                " file, or operable program.",
                "CommandNotFoundException",
                category="ObjectNotFound",
                error_id="CommandNotFoundException,Microsoft.PowerShell.Commands.GetCommandCommand",
                target=pattern,
            )
        for name in hits:
            verb, _, noun = name.partition("-")
            properties: dict[str, object] = {
                "Name": name,
                "CommandType": "Cmdlet",
                "Verb": verb if noun else "",
                "Noun": noun,
                "ModuleName": "",
            }
            yield PsObject(_COMMAND, name, properties)


def select(call: Call) -> Iterator[Output]:
    items = call.pipeline_input
    first, last = call.bound.get("First"), call.bound.get("Last")
    if isinstance(first, int):
        items = items[:first]
    elif isinstance(last, int):
        items = items[-last:] if last else []
    wanted = strings(call.bound.get("Property", []))
    expand = call.text("ExpandProperty")
    for item in items:
        if isinstance(item, PsObject) and expand:
            yield from _flat(_get(item, expand))
        elif isinstance(item, PsObject) and wanted and wanted != ["*"]:
            yield PsObject(_SELECTED, "", {name: _get(item, name) for name in wanted})
        else:
            yield from _flat(item)


def _get(item: PsObject, name: str) -> object:
    return next((v for k, v in item.properties.items() if k.lower() == name.lower()), None)


def _flat(value: object) -> Iterator[Output]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, PsObject | Text):
            yield one
        elif one is not None:
            yield Text(str(one))


def measure(call: Call) -> Iterator[Output]:
    count: dict[str, object] = {"Count": len(call.pipeline_input)}
    yield PsObject(_MEASURED, _MEASURED[0], count)


CMDLETS: Final = (
    Cmdlet(
        name="Get-Command",
        run=get_command,
        parameters=(
            Parameter(name="Name", kind="list", position=0),
            *of_kind("object", "CommandType", "ListImported", "ArgumentList", "Module"),
        ),
    ),
    Cmdlet(
        name="Select-Object",
        run=select,
        whole_input=True,
        parameters=(
            Parameter(name="Property", kind="list", position=0),
            *of_kind("int", "First", "Last"),
            *of_kind("string", "ExpandProperty"),
        ),
    ),
    Cmdlet(name="Measure-Object", run=measure, whole_input=True),
)
