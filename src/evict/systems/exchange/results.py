# SPDX-License-Identifier: Apache-2.0
"""What a shell answers, as plain values; and which of its errors are refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from queue import Queue
from typing import Final

from msgspec import Struct
from pypsrp.complex_objects import ErrorRecord, GenericComplexObject

from evict.core.errors import AccessRefused, RemoteProtocolError, SystemFault, Unsupported
from evict.systems.exchange.versions import has

Plain = dict[str, object]
TEXT: Final = "ToString"
"""Key under which an object's own text stands."""
_LONGEST: Final = 300
_DEEPEST: Final = 6


class Command(Struct, frozen=True, kw_only=True):
    """One cmdlet of a pipeline."""

    name: str
    parameters: Mapping[str, object] = {}
    arguments: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        """By its verb, as the shell's own rules want verbs to be used."""
        return not self.name.startswith(("Get-", "Select-", "Test-"))


class Fault(Struct, frozen=True, kw_only=True):
    """One error of a cmdlet; most end nothing, so a result may hold objects beside it.

    Attributes:
        reason: the exception's short type name.
    """

    text: str
    reason: str = ""
    code: str = ""

    @property
    def not_found(self) -> bool:
        """The object that was named is not there."""
        return (
            self.reason == "ManagementObjectNotFoundException" or "couldn't be found" in self.text
        )


class Result(Struct, frozen=True, kw_only=True):
    objects: tuple[Plain, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[Fault, ...] = ()


def found(result: Result, system: str) -> tuple[Plain, ...]:
    """The objects; none where the thing named is not there.

    Raises:
        RemoteProtocolError: another error: it is said in its own words.
    """
    refuse_errors((e for e in result.errors if not e.not_found), system)
    return result.objects


def done(result: Result, system: str) -> Result:
    """The result of a write that had no error. Raises `RemoteProtocolError`."""
    refuse_errors(result.errors, system)
    return result


def refuse_errors(errors: Iterable[Fault], system: str) -> None:
    for error in errors:
        raise RemoteProtocolError(error.text, system=system)


def check(result: Result, commands: Sequence[Command], *, system: str, version: str) -> None:
    """Raise what an error says of our rights or of the version; leave the others to the caller."""
    for error in result.errors:
        fault = _refusal(error, commands, system, version)
        if fault is not None:
            raise fault


def _refusal(
    error: Fault, commands: Sequence[Command], system: str, version: str
) -> SystemFault | None:
    if error.reason == "CommandNotFoundException" or error.code == "CommandNotFoundException":
        name = _named(commands, error.text)
        if has(version, name):
            text = f"no role of the service account holds {name}"
            return AccessRefused(text, system=system)
        return Unsupported(f"Exchange {version} has no {name}", system=system)
    if error.code.startswith("NamedParameterNotFound"):
        name, parameter = _parameter(commands, error.text)
        if has(version, name, parameter):
            text = f"no role of the service account holds -{parameter} of {name}"
            return AccessRefused(text, system=system)
        return Unsupported(f"Exchange {version} has no -{parameter} at {name}", system=system)
    lower = error.text.lower()
    if "write scope" in lower or "access is denied" in lower or "Unauthorized" in error.reason:
        return AccessRefused(error.text, system=system)
    return None


def _named(commands: Sequence[Command], text: str) -> str:
    named = [c.name for c in commands if c.name.lower() in text.lower()]
    return (named or [commands[0].name])[0]


def _parameter(commands: Sequence[Command], text: str) -> tuple[str, str]:
    pairs = [(c.name, key) for c in commands for key in c.parameters]
    quoted = [pair for pair in pairs if f"'{pair[1].lower()}'" in text.lower()]
    return (quoted or pairs or [(commands[0].name, "")])[0]


def fault(record: ErrorRecord) -> Fault:
    """An error record of the wire."""
    return Fault(text=one_line(str(record)), reason=record.reason or "", code=record.fq_error or "")


def one_line(text: object) -> str:
    return " ".join(str(text).split())[:_LONGEST]


def top(value: object) -> Plain:
    """One object of the output; text and numbers stand under `TEXT`."""
    if isinstance(value, GenericComplexObject):
        properties = _properties(value, 0)
        properties[TEXT] = value.to_string or ""
        return properties
    return {TEXT: plain(value)}


def plain(value: object, depth: int = 1) -> object:
    """Text, numbers, times, None, tuples and dicts; an object inside another is its own text."""
    if value is None or isinstance(value, str | bool | int | float | datetime):
        return value
    if depth > _DEEPEST:
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in value.items()}
    many = list(value.queue) if isinstance(value, Queue) else value
    if isinstance(many, list | tuple | set):
        return tuple(plain(v, depth + 1) for v in many)
    if isinstance(value, GenericComplexObject):
        return value.to_string or _properties(value, depth)
    return str(value)


def _properties(value: GenericComplexObject, depth: int) -> Plain:
    both = {**value.adapted_properties, **value.extended_properties}
    return {str(key): plain(inner, depth + 1) for key, inner in both.items()}
