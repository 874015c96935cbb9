# SPDX-License-Identifier: Apache-2.0
"""Script text that is nothing but commands with constants; there is no language beyond that.

A runspace in no-language mode takes a script of that kind apart and runs its commands (assumed;
Invoke-Command's script blocks work against Exchange). The server's own shell has the whole
language; here it has no more than this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

MAX_SCRIPT: Final = 64 * 1024
_CONSTANTS: Final = {"$true": True, "$false": False, "$null": None}
_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t]+)
  | (?P<end>[;\r\n]+)
  | (?P<pipe>\|)
  | (?P<comma>,)
  | '(?P<single>(?:[^']|'')*)'
  | "(?P<double>(?:[^"$`]|"")*)"
  | (?P<constant>\$(?:true|false|null)\b)
  | (?P<name>-[A-Za-z][\w]*:?)
  | (?P<word>[^\s'"$`(){}|;,&@%<>\[\]\#?]+(?:[@%?\#][^\s'"$`(){}|;,&@<>\[\]]*)*)
    """,
    re.VERBOSE | re.IGNORECASE,
)


class NoLanguage(ValueError):
    """Variables, expressions, blocks: more than commands."""


class Step(Struct, frozen=True):
    """One command of a pipeline: name and arguments, `None` for a name where there is none."""

    name: str
    arguments: tuple[tuple[str | None, object], ...]


class _Token(Struct, frozen=True):
    kind: str
    text: str
    spaced: bool


def parse(text: str) -> list[list[Step]]:
    """Statements, each a list of the commands that feed one another.

    Raises:
        NoLanguage: see there.
    """
    if len(text) > MAX_SCRIPT:
        raise NoLanguage("too long")
    statements: list[list[Step]] = []
    for tokens in _split(list(_tokens(text)), "end"):
        if tokens:
            steps = [_step(part) for part in _split(tokens, "pipe")]
            statements.append(steps)
    return statements


def _tokens(text: str) -> Iterator[_Token]:
    at, spaced = 0, True
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.end() == at or match.lastgroup is None:
            raise NoLanguage(f"at {at}")
        if match.lastgroup != "space":
            yield _Token(match.lastgroup, match[match.lastgroup], spaced)
        spaced = match.lastgroup == "space"
        at = match.end()


def _split(tokens: list[_Token], kind: str) -> list[list[_Token]]:
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token.kind == kind:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _step(tokens: list[_Token]) -> Step:
    if not tokens or tokens[0].kind != "word":
        raise NoLanguage("no command")
    return Step(tokens[0].text, tuple(_arguments(tokens[1:])))


def _arguments(tokens: list[_Token]) -> Iterator[tuple[str | None, object]]:
    """A name takes the value after it; a name before a name, or at the end, stands alone."""
    name: str | None = None
    rest = list(reversed(tokens))
    while rest:
        token = rest.pop()
        if token.kind == "name" and not token.text[1:].isdecimal():
            if name is not None:
                yield name, None
            name = token.text[1:]
            continue
        yield (name.rstrip(":") if name else None), _values(token, rest)
        name = None
    if name is not None:
        if name.endswith(":"):
            raise NoLanguage("no value")
        yield name, None


def _values(first: _Token, rest: list[_Token]) -> object:
    """One constant, or several with commas between them: a list."""
    values = [_value(first)]
    while rest and rest[-1].kind == "comma":
        rest.pop()
        if not rest:
            raise NoLanguage("comma")
        values.append(_value(rest.pop()))
    if rest and not rest[-1].spaced:
        raise NoLanguage("joined")
    return values[0] if len(values) == 1 else values


def _value(token: _Token) -> object:
    text = token.text
    if token.kind == "constant":
        return _CONSTANTS[text.lower()]
    if token.kind == "single":
        return text.replace("''", "'")
    if token.kind == "double":
        return text.replace('""', '"')
    if token.kind in ("word", "name"):
        return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text
    raise NoLanguage(token.kind)
