# SPDX-License-Identifier: Apache-2.0
"""Values between cmdlets and psrpcore.

A .NET object's own properties go out as adapted ones (`Props`), and type names as the server has
them: PowerShell puts "Deserialized." before what it receives.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    NETException,
    PSGuid,
    PSInt,
    PSInt64,
    PSNoteProperty,
    PSObject,
    PSSecureString,
)

from evict.lab.cmdlets.words import CmdletError, PsObject, Text

_MAX_DEPTH: Final = 16
_COR_E_EXCEPTION: Final = -2146233088


def to_wire(value: object) -> object:
    """What psrpcore serialises as the .NET type it stands for."""
    if isinstance(value, PsObject):
        return _object(value)
    if isinstance(value, Text):
        return value.value
    if isinstance(value, uuid.UUID):
        return PSGuid(int=value.int)
    if isinstance(value, bool) or not isinstance(value, int):
        return _collection(value)
    return PSInt(value) if -(2**31) <= value < 2**31 else PSInt64(value)


def _collection(value: object) -> object:
    if isinstance(value, list | tuple | set | frozenset):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {to_wire(key): to_wire(item) for key, item in value.items()}
    return value


def _object(value: PsObject) -> PSObject:
    made = PSObject()
    made.PSObject.type_names = list(value.type_names)
    made.PSObject.to_string = value.to_string
    made.PSObject.adapted_properties = [
        PSNoteProperty(name, to_wire(item)) for name, item in value.properties.items()
    ]
    return made


def from_wire(value: object, depth: int = 0) -> object:
    """What a cmdlet takes. Raises `ValueError` where it is nested without end."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deep")
    plain = _primitive(value)
    if plain is not None or value is None:
        return plain
    if isinstance(value, list | tuple | set):
        return [from_wire(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {from_wire(k, depth + 1): from_wire(v, depth + 1) for k, v in value.items()}
    if isinstance(value, PSObject):
        return _bag(value, depth)
    return str(value)


def _primitive(value: object) -> object | None:
    """Strips psrpcore's own types: `PSString` is text, and so on."""
    if isinstance(value, bool | datetime | timedelta):
        return value
    if isinstance(value, PSSecureString):
        return str(value.decrypt())
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return bytes(value)
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return uuid.UUID(int=value.int) if isinstance(value, uuid.UUID) else None


def _bag(value: PSObject, depth: int) -> PsObject:
    meta = value.PSObject
    properties = {
        prop.name: from_wire(prop.get_value(value), depth + 1)
        for prop in (*meta.adapted_properties, *meta.extended_properties)
    }
    names = tuple(str(name) for name in meta.type_names)
    return PsObject(names, str(meta.to_string or ""), properties)


def error_record(error: CmdletError, command: str) -> ErrorRecord:
    """Spec: MS-PSRP section 2.2.3.15 (ErrorRecord)."""
    exception = NETException(Message=error.message, HResult=_COR_E_EXCEPTION)
    exception.PSObject.type_names = list(error.type_names)
    category = ErrorCategory.__members__.get(error.category, ErrorCategory.NotSpecified)
    return ErrorRecord(
        Exception=exception,
        CategoryInfo=ErrorCategoryInfo(
            Category=category,
            Activity=command,
            Reason=error.reason,
            TargetName=error.target or "",
            TargetType="String" if error.target else "",
        ),
        TargetObject=error.target,
        FullyQualifiedErrorId=error.error_id,
    )
