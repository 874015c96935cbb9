# SPDX-License-Identifier: Apache-2.0
"""From what was typed to a cmdlet's parameters, with PowerShell's own errors (about_Parameters)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, cast

from evict.lab.cmdlets.shape import Argument, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, PsObject

_COMMON: Final = {
    "ea": "erroraction",
    "wa": "warningaction",
    "infa": "informationaction",
    "vb": "verbose",
    "db": "debug",
    "ev": "errorvariable",
    "wv": "warningvariable",
    "ov": "outvariable",
    "ob": "outbuffer",
    "pv": "pipelinevariable",
}
_ACTING: Final = {"wi": "whatif", "cf": "confirm"}
"""Common to what changes something."""
_READING: Final = ("Get-", "Select-", "Measure-", "Test-")
_SWITCHES: Final = frozenset({"verbose", "debug", "whatif", "confirm"})
_ACTIONS: Final = ("SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore")
_TIMESPAN: Final = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?")
_BOOLEANS: Final = {"$true": True, "$false": False}


def bind(
    cmdlet: Cmdlet, parameters: Sequence[Parameter], arguments: Sequence[Argument]
) -> tuple[dict[str, object], dict[str, object]]:
    """The cmdlet's own parameters, and the common ones. Raises `CmdletError`."""
    bound: dict[str, object] = {}
    common: dict[str, object] = {}
    unnamed: list[object] = []
    for key, value in arguments:
        name = (key or "").lstrip("-").rstrip(":")
        if not name:
            unnamed.append(value)
        elif (general := _common(cmdlet, name)) is not None:
            common[general] = _common_value(cmdlet, general, value)
        else:
            parameter = _named(cmdlet, parameters, name)
            if parameter.name in bound:
                raise _refused(
                    cmdlet,
                    f"Cannot bind parameter because parameter '{parameter.name}' is specified"
                    " more than once.",
                    "ParameterAlreadyBound",
                )
            bound[parameter.name] = convert(cmdlet, parameter, value)
    by_place = (p for p in sorted(parameters, key=_place) if p.position is not None)
    free = [p for p in by_place if p.name not in bound]
    for value, parameter in zip(unnamed, free, strict=False):
        bound[parameter.name] = convert(cmdlet, parameter, value)
    for value in unnamed[len(free) :]:
        raise _refused(
            cmdlet,
            f"A positional parameter cannot be found that accepts argument '{value}'.",
            "PositionalParameterNotFound",
        )
    return bound, common


def _place(parameter: Parameter) -> int:
    return -1 if parameter.position is None else parameter.position


def missing(
    cmdlet: Cmdlet, parameters: Sequence[Parameter], bound: dict[str, object]
) -> CmdletError | None:
    """The error for what must be given and was not."""
    names = [p.name for p in parameters if p.required and p.name not in bound]
    if not names:
        return None
    return _refused(
        cmdlet,
        "Cannot process command because of one or more missing mandatory parameters:"
        f" {' '.join(names)}.",
        "MissingMandatoryParameter",
    )


def _common(cmdlet: Cmdlet, name: str) -> str | None:
    known = dict(_COMMON)
    if not cmdlet.name.startswith(_READING):
        known |= _ACTING
    low = name.lower()
    return known.get(low) or (low if low in known.values() else None)


def _common_value(cmdlet: Cmdlet, name: str, value: object) -> object:
    if name in _SWITCHES:
        return convert(cmdlet, Parameter(name=name, kind="switch"), value)
    if isinstance(value, int) and 0 <= value < len(_ACTIONS):
        return _ACTIONS[value]
    return _text(value)


def _named(cmdlet: Cmdlet, parameters: Sequence[Parameter], name: str) -> Parameter:
    """The whole name, or a beginning that is only one parameter's."""
    low = name.lower()
    begins = [p for p in parameters if p.name.lower().startswith(low)]
    exact = [p for p in begins if p.name.lower() == low]
    hits = exact or begins
    if len(hits) == 1:
        return hits[0]
    if hits:
        matches = " ".join(f"-{p.name}" for p in hits)
        raise _refused(
            cmdlet,
            f"Parameter cannot be processed because the parameter name '{name}' is ambiguous."
            f" Possible matches include: {matches}.",
            "AmbiguousParameter",
        )
    raise _refused(
        cmdlet,
        f"A parameter cannot be found that matches parameter name '{name}'.",
        "NamedParameterNotFound",
    )


def convert(cmdlet: Cmdlet, parameter: Parameter, value: object) -> object:  # noqa: PLR0911 - one a kind
    """A value as the parameter wants it. Raises `CmdletError`."""
    kind = parameter.kind
    if kind == "switch":
        return True if value is None else _boolean(cmdlet, parameter, value)
    if value is None or (isinstance(value, str) and value.lower() == "$null"):
        if not parameter.nullable:
            raise _refused(
                cmdlet,
                f"Cannot bind argument to parameter '{parameter.name}' because it is null.",
                "ParameterArgumentValidationErrorNullNotAllowed",
            )
        return None
    match kind:
        case "bool":
            return _boolean(cmdlet, parameter, value)
        case "int":
            if isinstance(value, bool) or not re.fullmatch(r"-?\d+", _text(value)):
                raise not_convertible(cmdlet, parameter.name, value, "System.Int32")
            return int(_text(value))
        case "list":
            return _many(value)
        case "timespan":
            return _timespan(cmdlet, parameter, value)
        case "object":
            return value
        case _:
            return _filled(cmdlet, parameter, value)


def _filled(cmdlet: Cmdlet, parameter: Parameter, value: object) -> object:
    """Text; where the pipeline may bring an object, that object."""
    if parameter.pipeline and isinstance(value, PsObject):
        return value
    text = _text(value)
    if not text and not parameter.nullable:
        raise _refused(
            cmdlet,
            f"Cannot bind argument to parameter '{parameter.name}' because it is an empty string.",
            "ParameterArgumentValidationErrorEmptyStringNotAllowed",
        )
    return text


def _boolean(cmdlet: Cmdlet, parameter: Parameter, value: object) -> bool:
    if isinstance(value, bool | int | float):
        return bool(value)
    known = _BOOLEANS.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise not_convertible(cmdlet, parameter.name, value, "System.Boolean")
    return known


def _many(value: object) -> object:
    """A list; a change of one, `@{Add=...; Remove=...}`, stays a dict of lists."""
    if isinstance(value, dict):
        return {str(key).lower(): _many(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [v if isinstance(v, PsObject) else _text(v) for v in value]
    return [value if isinstance(value, PsObject) else _text(value)]


def _timespan(cmdlet: Cmdlet, parameter: Parameter, value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _TIMESPAN.fullmatch(_text(value))
    if match is None:
        raise not_convertible(cmdlet, parameter.name, value, "EnhancedTimeSpan")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _text(value: object) -> str:
    return value.to_string if isinstance(value, PsObject) else str(value)


def strings(value: object) -> list[str]:
    """What a "list" parameter holds, as text."""
    return [_text(v) for v in cast("list[object]", value)] if isinstance(value, list) else []


def not_convertible(cmdlet: Cmdlet, name: str, value: object, kind: str) -> CmdletError:
    return _refused(
        cmdlet,
        f"Cannot process argument transformation on parameter '{name}'. Cannot convert value"
        f' "{_text(value)}" to type "{kind}".',
        "ParameterArgumentTransformationError",
    )


def no_path(cmdlet: Cmdlet, path: str, target: str = "") -> CmdletError:
    """A provider's answer. Args: target: what was named, where that is not the whole path."""
    return CmdletError(
        f"Cannot find path '{path}' because it does not exist.",
        "ItemNotFoundException",
        category="ObjectNotFound",
        error_id=f"PathNotFound,{cmdlet.name}",
        target=target or path,
    )


def _refused(cmdlet: Cmdlet, text: str, error_id: str) -> CmdletError:
    return CmdletError(
        text,
        "ParameterBindingException",
        category="InvalidArgument",
        error_id=f"{error_id},{cmdlet.name}",
        terminating=True,
    )
