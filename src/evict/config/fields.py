# SPDX-License-Identifier: Apache-2.0
"""What the settings' types say of themselves: the one reader of their annotations."""

from __future__ import annotations

import types
import typing
from typing import Any, Union

import msgspec
from msgspec import NODEFAULT, Meta, Struct


class Setting(Struct, frozen=True, kw_only=True):
    """One field of one section.

    Attributes:
        type: its annotation, bounds included.
        section: the section's class where the field is a table or an array of tables.
        many: it is an array of tables.
        example: a value as TOML would hold it; None where there is none.
        credential: it names the file of a secret.
        shown: the example file does not comment it out.
    """

    name: str
    type: Any
    default: Any
    section: type[Struct] | None
    many: bool
    optional: bool
    description: str
    example: Any
    credential: bool
    shown: bool

    @property
    def required(self) -> bool:
        return self.default is NODEFAULT


def settings(section: type[Struct]) -> tuple[Setting, ...]:
    """Every field of a section, in the order in which it was written."""
    return tuple(_setting(field) for field in msgspec.structs.fields(section))


def _setting(field: msgspec.structs.FieldInfo) -> Setting:
    meta = _meta(field.type)
    bare = _without_meta(field.type)
    arms = _arms(bare)
    plain = _without_meta(next(a for a in arms if a is not types.NoneType))
    many = typing.get_origin(plain) is tuple
    inner = typing.get_args(plain)[0] if many else plain
    section = inner if isinstance(inner, type) and issubclass(inner, Struct) else None
    extra = meta.extra or {}
    return Setting(
        name=field.name,
        type=field.type,
        default=field.default,
        section=section,
        many=many and section is not None,
        optional=types.NoneType in arms,
        description=meta.description or "",
        example=meta.examples[0] if meta.examples else None,
        credential=bool(extra.get("credential")),
        shown=bool(extra.get("shown")),
    )


def _meta(annotation: Any) -> Meta:
    found = getattr(annotation, "__metadata__", ())
    return next((m for m in found if isinstance(m, Meta) and m.description), Meta())


def _without_meta(annotation: Any) -> Any:
    is_annotated = typing.get_origin(annotation) is typing.Annotated
    return typing.get_args(annotation)[0] if is_annotated else annotation


def _arms(annotation: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(annotation) in (Union, types.UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)
