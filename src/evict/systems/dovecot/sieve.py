# SPDX-License-Identifier: Apache-2.0
"""What a Sieve script does, in words: where it sends mail, what it throws away.

A scanner of commands, not an interpreter: it asks what a script may do whatever mail comes, so
tests are skipped. What it cannot read counts as forwarding.

Spec: RFC 5228 sections 2 and 8 (tokens, commands), RFC 3894 (:copy), RFC 5230 (vacation), RFC 5429
(reject), RFC 5435 (notify), RFC 6609 (include); Pigeonhole's vnd.dovecot.{pipe,execute,filter,
report}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

MAX_SCRIPT: Final = 1024 * 1024
"""Characters; Pigeonhole's sieve_max_script_size is 1 MiB by default."""
MAX_SHOWN: Final = 200
"""Characters of a script's string that are printed."""
UNREADABLE: Final = "unreadable: treated as forwarding"

_TOKEN: Final = re.compile(
    r"""
    (?P<space> [ \t\r\n]+ | \#[^\n]*(?:\n|\Z) | /\*.*?\*/ )
  | (?P<block> text:[ \t]*(?:\#[^\n]*)?\r?\n )
  | (?P<tag> :[A-Za-z_][A-Za-z0-9_]* )
  | (?P<word> [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number> [0-9]+[KMGkmg]? )
  | (?P<quote> "(?:[^"\\]|\\.)*" )
  | (?P<sign> [;,(){}\[\]] )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_END: Final = re.compile(r"^\.\r?(?:\n|\Z)", re.MULTILINE)
_QUIET: Final = frozenset(
    {
        "require",
        "if",
        "elsif",
        "else",
        "stop",
        "keep",
        "set",
        "global",
        "return",
        "error",
        "break",
        "setflag",
        "addflag",
        "removeflag",
        "addheader",
        "deleteheader",
        "foreverypart",
        "replace",
        "enclose",
        "extracttext",
        "convert",
    }
)
"""Commands by which no mail leaves and none is lost."""
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


class Summary(Struct, frozen=True, kw_only=True):
    """What one script may do.

    Attributes:
        redirects: the addresses it forwards to, each once, in the script's order.
        forwards: mail may leave by it: redirects, programs, notifications, scripts it includes, or
            something nobody can read.
        words: one phrase for each kind of thing it does.
    """

    redirects: tuple[str, ...] = ()
    forwards: bool = False
    words: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return "; ".join(self.words) or "only keeps mail"


class _Command(Struct, frozen=True):
    """A command with the strings among its own arguments."""

    name: str
    tags: frozenset[str]
    strings: tuple[str, ...]


class _Unreadable(Exception):
    """The text is no Sieve script that we can read."""


def summarise(script: str) -> Summary:
    """Say what a script may do; never raises, whatever the text is."""
    try:
        return _sum_up(tuple(_commands(script)))
    except _Unreadable:
        return Summary(forwards=True, words=(UNREADABLE,))


def _sum_up(commands: tuple[_Command, ...]) -> Summary:
    phrases: dict[str, None] = {}
    redirects: dict[str, None] = {}
    forwards = False
    for command in commands:
        if command.name in _QUIET:
            continue
        phrase, leaves = _DESCRIBE.get(command.name, _unknown)(command)
        phrases[phrase] = None
        forwards = forwards or leaves
        if command.name == "redirect":
            redirects[_shown(command.strings)] = None
    return Summary(redirects=tuple(redirects), forwards=forwards, words=tuple(phrases))


def _redirect(command: _Command) -> tuple[str, bool]:
    copy = ", keeping a copy" if "copy" in command.tags else ""
    unknown = " (not known before mail comes)" if "${" in _shown(command.strings) else ""
    return f"forwards to {_shown(command.strings)}{unknown}{copy}", True


def _notify(command: _Command) -> tuple[str, bool]:
    """The method is the last string (RFC 5435), or the value of a tag (its old draft)."""
    where = ", ".join(_printable(s) for s in command.strings if ":" in s or "@" in s)
    return f"notifies {where or _shown(command.strings)}", True


def _fixed(phrase: str, *, leaves: bool = False) -> Callable[[_Command], tuple[str, bool]]:
    return lambda _: (phrase, leaves)


def _named(phrase: str, *, leaves: bool = False) -> Callable[[_Command], tuple[str, bool]]:
    return lambda command: (f"{phrase} {_shown(command.strings)}", leaves)


def _unknown(command: _Command) -> tuple[str, bool]:
    return f"does {command.name[:MAX_SHOWN]}, which is not known: treated as forwarding", True


_DESCRIBE: Final[dict[str, Callable[[_Command], tuple[str, bool]]]] = {
    "redirect": _redirect,
    "notify": _notify,
    "vacation": _fixed("answers mail by itself (vacation)"),
    "reject": _fixed("sends mail back (reject)"),
    "ereject": _fixed("sends mail back (ereject)"),
    "discard": _fixed("throws mail away (discard)"),
    "fileinto": _named("files into"),
    "include": _named("includes the script", leaves=True),
    "report": _named("reports mail to", leaves=True),
    "pipe": _named("pipes mail to the program", leaves=True),
    "filter": _named("filters mail through the program", leaves=True),
    "execute": _named("runs the program", leaves=True),
}


def _shown(strings: tuple[str, ...]) -> str:
    """The last string: the positional argument of every command that we name."""
    return _printable(strings[-1]) if strings else "nobody knows where"


def _printable(text: str) -> str:
    """A script's author may be hostile, and this is printed on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text.strip()[:MAX_SHOWN])


def _tokens(script: str) -> Iterator[tuple[str, str]]:
    """Kind and value of each token but white space and comments."""
    if len(script) > MAX_SCRIPT:
        raise _Unreadable
    at = 0
    while at < len(script):
        found = _TOKEN.match(script, at)
        if found is None:
            raise _Unreadable
        at = found.end()
        kind = str(found.lastgroup)
        if kind == "block":
            end = _BLOCK_END.search(script, at)
            if end is None:
                raise _Unreadable
            yield "string", re.sub(r"^\.\.", ".", script[at : end.start()], flags=re.MULTILINE)
            at = end.end()
        elif kind == "quote":
            yield "string", re.sub(r"\\(.)", r"\1", found.group()[1:-1], flags=re.DOTALL)
        elif kind != "space":
            yield kind, found.group()


def _commands(script: str) -> Iterator[_Command]:
    """Every command, at whatever depth of blocks.

    A command begins with a word where a statement may begin and ends at `;` or `{` outside of
    parentheses; the words between are tests (RFC 5228 section 8.2). The commands of a test list
    stand in parentheses and are passed over.
    """
    name = ""
    tags: list[str] = []
    strings: list[str] = []
    nesting: list[str] = []
    for kind, value in _tokens(script):
        if not name:
            name = _begin(kind, value, nesting)
        elif kind == "string":
            strings.append(value)
        elif kind == "tag":
            tags.append(value[1:].lower())
        elif kind == "sign" and _ends(value, nesting):
            yield _Command(name, frozenset(tags), tuple(strings))
            name, tags, strings = "", [], []
    if name or nesting:
        raise _Unreadable


def _begin(kind: str, value: str, nesting: list[str]) -> str:
    """The name of the command that begins here; "" where a block ends."""
    if kind == "word":
        return value.lower()
    if value != "}" or not nesting or nesting.pop() != "{":
        raise _Unreadable
    return ""


def _ends(sign: str, nesting: list[str]) -> bool:
    """Whether this sign ends the command that is being read."""
    inside = nesting[-1] if nesting else "{"
    if sign == "{":
        if inside != "{":
            raise _Unreadable
        nesting.append(sign)
        return True
    if sign == ";":
        if inside != "{":
            raise _Unreadable
        return True
    if sign in "([":
        nesting.append(sign)
    elif sign in _PAIRS and (not nesting or sign == "}" or nesting.pop() != _PAIRS[sign]):
        raise _Unreadable
    return False
