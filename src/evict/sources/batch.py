# SPDX-License-Identifier: Apache-2.0
"""A personnel file of leavers, CSV or JSON: its lines as they stand, before anybody is looked up.

Columns (CSV: a header line; JSON: an array of objects): `account`, and `at` and `reason` where they
are wanted. What is wrong with the file is an error; what is wrong with a line is said at that line,
so that a dry run shows all of it at once.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from evict.core.errors import UsageError

COLUMNS: Final = ("account", "at", "reason")
MOST_LINES: Final = 20_000
MAX_BYTES: Final = 12 * 1024 * 1024
MAX_FIELD: Final = 1024
"""Characters of one field."""

_DELIMITERS: Final = (";", ",", "\t")
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One leaver as the file has it.

    Attributes:
        number: of the line in a CSV file, of the object in a JSON file; from 1. 0: not known.
        at: as written; "" for at once.
        bad: why the line cannot be read; "" where it can.
    """

    number: int = 0
    account: str = ""
    at: str = ""
    reason: str = ""
    bad: str = ""


class BadFile(UsageError):
    """The file as a whole cannot be understood: nothing of it is done."""

    code = "bad-file"


def read(data: bytes) -> tuple[Line, ...]:
    """Raises `BadFile`."""
    if len(data) > MAX_BYTES:
        raise BadFile(f"the file has more than {MAX_BYTES} bytes: split it")
    text = _text(data)
    if not text.strip():
        raise BadFile("the file is empty")
    looks_like_json = text.lstrip()[0] in "[{"
    lines = tuple(_json_lines(text) if looks_like_json else _csv_lines(text))
    if not lines:
        raise BadFile("the file names nobody")
    if len(lines) > MOST_LINES:
        raise BadFile(f"the file has {len(lines)} lines, and {MOST_LINES} at most are taken")
    return lines


def _text(data: bytes) -> str:
    """Raises `BadFile` for everything but UTF-8."""
    half = data[:200]
    if data.startswith(_WIDE) or half.count(0) * 3 > len(half) > 0:
        raise BadFile("the file is UTF-16: save it as UTF-8 (in Excel: `CSV UTF-8`)")
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadFile(f"line {line} is not UTF-8: save the file as UTF-8") from error
    if "\0" in text:
        raise BadFile("the file has a zero byte: it is no text")
    return text


def _csv_lines(text: str) -> Iterator[Line]:
    """RFC 4180, with a header, and with `;` or tabs too."""
    head = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(_DELIMITERS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    began = 1
    try:
        for row in rows:
            number, began = began, rows.line_num + 1
            if not any(field.strip() for field in row):
                continue
            if columns is None:
                columns = _columns(row)
                continue
            if len(row) > len(columns) and not any(f.strip() for f in row[len(columns) :]):
                row = row[: len(columns)]  # noqa: PLW2901 - spreadsheets write empty ones
            if len(row) != len(columns):
                why = f"{len(row)} fields instead of {len(columns)}: a delimiter in a field needs"
                yield Line(number=number, bad=f'{why} quotes ("...") around it')
                continue
            yield _line(number, dict(zip(columns, row, strict=True)))
    except csv.Error as error:
        raise BadFile(f"line {rows.line_num} is no CSV: {error}") from error


def _columns(header: Iterable[str]) -> list[str]:
    found = [name.strip().lower() for name in header]
    while found and not found[-1]:
        found.pop()
    unknown = sorted(set(found) - set(COLUMNS))
    if "account" not in found:
        shown = ", ".join(map(ascii, found)) or "nothing"
        raise BadFile(f"the first line must name the columns, `account` among them; it has {shown}")
    if unknown:
        raise BadFile(f"no column is called {unknown[0]!a}: there are account, at and reason")
    if len(set(found)) != len(found):
        raise BadFile("a column is there twice")
    return found


def _json_lines(text: str) -> Iterator[Line]:
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"the file is no JSON: {error}") from error
    if not isinstance(found, list):
        raise BadFile('a JSON file is an array: [{"account": "...", "at": "..."}, ...]')
    for number, thing in enumerate(found, 1):
        if not isinstance(thing, dict):
            yield Line(number=number, bad="not an object")
        elif unknown := sorted(set(thing) - set(COLUMNS)):
            yield Line(number=number, bad=f"no key is called {unknown[0]!a}")
        elif any(not isinstance(value, str | None) for value in thing.values()):
            yield Line(number=number, bad="a value is not a string")
        else:
            yield _line(number, {key: value or "" for key, value in thing.items()})


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key is there twice in one object")
    return dict(pairs)


def _line(number: int, fields: dict[str, str]) -> Line:
    """Spaces around a field are nobody's intention."""
    account, at, reason = (fields.get(name, "").strip() for name in COLUMNS)
    if not account:
        return Line(number=number, at=at, reason=reason, bad="names no account")
    if long := next((n for n in COLUMNS if len(fields.get(n, "")) > MAX_FIELD), ""):
        return Line(number=number, bad=f"{long} has more than {MAX_FIELD} characters")
    return Line(number=number, account=account, at=at, reason=reason)
