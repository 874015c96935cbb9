# SPDX-License-Identifier: Apache-2.0
"""What Get-Command answers, so that a client can build proxies of the cmdlets (implicit remoting).

Spec: MS-PSRP sections 2.2.3.21 to 2.2.3.23 (CommandMetadataCount, CommandMetadata,
ParameterMetadata).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from typing import Final

from psrpcore.types import CommandMetadataCount, CommandTypes, PSInt, PSNoteProperty, PSObject

from evict.lab.cmdlets.shape import Parameter
from evict.lab.psrp.commands import Commands

_CUSTOM: Final = "System.Management.Automation.PSCustomObject"
_TYPES: Final = {
    "string": "System.String",
    "bool": "System.Boolean",
    "switch": "System.Management.Automation.SwitchParameter",
    "int": "System.Int32",
    "list": "System.String[]",
    "object": "System.Object",
    "timespan": "System.TimeSpan",
}


def describe(commands: Commands, caller: str, patterns: Iterable[str]) -> Iterator[PSObject]:
    """The count, then each cmdlet that the caller may use and a pattern fits."""
    wanted = [str(pattern).lower() for pattern in patterns] or ["*"]
    names = [
        name
        for name in commands.commands(caller)
        if any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in wanted)
    ]
    yield CommandMetadataCount(Count=PSInt(len(names)))
    for name in names:
        cmdlet = commands.lookup(name)
        if cmdlet is not None:
            yield _command(cmdlet.name, commands.parameters(cmdlet, caller))


def _command(name: str, parameters: Iterable[Parameter]) -> PSObject:
    return _bag(
        Name=name,
        Namespace="",
        HelpUri="",
        CommandType=CommandTypes.Cmdlet,
        ResolvedCommandName=None,
        OutputType=[],
        Parameters={p.name: _parameter(p) for p in parameters},
    )


def _parameter(parameter: Parameter) -> PSObject:
    return _bag(
        Name=parameter.name,
        ParameterType=_TYPES.get(parameter.kind, "System.Object"),
        Aliases=[],
        SwitchParameter=parameter.kind == "switch",
        IsDynamic=False,
    )


def _bag(**properties: object) -> PSObject:
    made = PSObject()
    made.PSObject.type_names = [_CUSTOM, "System.Object"]
    made.PSObject.extended_properties = [PSNoteProperty(k, v) for k, v in properties.items()]
    return made
