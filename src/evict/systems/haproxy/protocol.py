# SPDX-License-Identifier: Apache-2.0
"""HAProxy's runtime API, sans-I/O: commands, where an answer ends, what it says.

The connection is interactive (`prompt`) and numbers its errors (`set severity-output number`), so
that one connection carries many commands and an error cannot be taken for data. Spec: HAProxy 2.6
management guide, section 9.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

START: Final = ("prompt", "set severity-output number")
PROMPT: Final = b"\n> "
ALONE: Final = "-"
WAITS: Final = "!"
MAX_ANSWER: Final = 256 * 1024 * 1024
"""Bytes. A map of 100,000 cookies takes 12 MB."""
CHUNK: Final = 12_000
"""Bytes of one command; HAProxy's buffer has 16,384 where nothing else is set."""
_ERROR: Final = 3
"""Severities as syslog counts them (emergency 0, error 3)."""
_SAID: Final = re.compile(r"\[(\d)\]: ?(.*)", re.DOTALL)
_MAP: Final = re.compile(r"-?\d+ \((.*)\) pattern loaded .*\bcurr_ver=(\d+) .*\bentry_cnt=(\d+)")
_ENTRY: Final = re.compile(r"(0x[0-9a-f]+) (\S+) ?(.*)")
_TABLE: Final = re.compile(r"# table: ([^,]+), type: (\w+), size:(\d+), used:(\d+)")
_LIVE: Final = re.compile(r"0x[0-9a-f]+: key=(.*) use=(\d+) exp=\d+ .*\bconn_cur=(\d+)")
_SESSION: Final = re.compile(r"(0x[0-9a-f]+): proto=(\S+) src=(\S+) fe=(\S+) .*\bage=(\S+)")
VALUE: Final = re.compile(r'found=yes,.*\bvalue="([^"]*)"')
"""In the answer of `get map`."""
_NUMBER: Final = re.compile(r"0x[0-9a-f]+: \[[^]]*\] id=(\d+) ")
_ENTRIES: Final = re.compile(r"(?:[^\s\x00-\x20\x7f]++ [^\n]*+\n)++")
_DIGEST: Final = re.compile(r"[0-9A-F]{64}")


class Malformed(ValueError):
    """HAProxy's answer is not what this command is answered with."""


class Refused(ValueError):
    """HAProxy did not carry the command out; the text is its own."""


class Answers:
    """Bytes into answers, one command in flight."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """The answer, once it is whole. Raises `Malformed` where it grows without end."""
        self._buffer += data
        if self._buffer.endswith(PROMPT):
            answer = bytes(self._buffer[: -len(PROMPT)])
            self._buffer.clear()
            return answer
        if len(self._buffer) > MAX_ANSWER:
            raise Malformed("an answer has no end")
        return None


def read(answer: bytes) -> str:
    """What was said. Raises `Refused`."""
    text = answer.decode("utf-8", "surrogateescape")
    while text.startswith("+ "):  # the prompt for each line of a payload
        text = text[2:]
    said = _SAID.fullmatch(text)
    if said is None:
        return text
    words = said[2].strip()
    if int(said[1]) <= _ERROR or words.startswith("Unknown command"):
        raise Refused(words.partition("\n")[0])
    return words


def word(text: str) -> str:
    """One argument of a command. Raises `ValueError` where it cannot be one."""
    if not text or any(c < " " or c == "\x7f" for c in text):
        raise ValueError("an argument of HAProxy's has no control characters")
    return re.sub(r"([\\ ;])", r"\\\1", text)


def add(path: Path, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Commands that put entries into a map, however many. A key is a word, a value a line.

    Raises:
        ValueError: an entry is none; what was given before it may have been sent.
    """
    head = f"add map {word(str(path))} <<\n"
    lines: list[str] = []
    size = 0
    for key, value in entries:
        if " " in key:
            raise ValueError("a key of a map is one word")
        line = f"{key} {value}\n"
        length = len(line) if line.isascii() else len(line.encode("utf-8", "surrogateescape"))
        if lines and size + length > CHUNK:
            yield head + _payload(lines)
            lines, size = [], 0
        lines.append(line)
        size += length
    if lines:
        yield head + _payload(lines)


def _payload(lines: list[str]) -> str:
    text = "".join(lines)
    if not _ENTRIES.fullmatch(text) or text.count("\n") != len(lines):
        raise ValueError("an entry of a map has a key of one word, and a value of one line")
    return text


def remove(path: Path, key: str) -> str:
    return f"del map {word(str(path))} {word(key)}"


def change(path: Path, key: str, value: str) -> str:
    return f"set map {word(str(path))} {word(key)} {word(value)}"


def show(path: Path) -> str:
    return f"show map {word(str(path))}"


class Map(Struct, frozen=True, kw_only=True):
    """A line of `show map`."""

    path: str
    version: int
    entries: int


class Entry(Struct, frozen=True):
    """A line of `show map PATH`."""

    id: str
    key: str
    value: str


class Live(Struct, frozen=True):
    """A request in flight: the client's address and port, the stream's number, whose it is.

    The number is `ALONE` where the connection has one request at a time. `waits`: it is held until
    there is something to say, and not about to be answered.
    """

    source: str
    number: str
    login: str
    waits: bool = False


class Stream(Struct, frozen=True):
    """A line of `show sess`. `frontend` is GLOBAL where somebody talks to HAProxy itself."""

    id: str
    source: str
    frontend: str
    age: str

    @property
    def is_old(self) -> bool:
        """Whether it began a second ago or more; HAProxy counts whole ones."""
        return self.age != "0s"


class Server(Struct, frozen=True):
    """A line of `show servers state`: which backend leads to which address and port."""

    backend: str
    address: str


def maps(text: str) -> dict[str, Map]:
    """Answer of `show map`, by path."""
    found = {}
    for line in _lines(text):
        if line.startswith("#"):
            continue
        seen = _match(_MAP, line)
        found[seen[1]] = Map(path=seen[1], version=int(seen[2]), entries=int(seen[3]))
    return found


def entries(text: str) -> list[Entry]:
    """Answer of `show map PATH`."""
    seen = (_match(_ENTRY, line) for line in _lines(text))
    return [Entry(s[1], s[2], s[3]) for s in seen]


def cookies(text: str) -> list[Entry]:
    """Of a map of cookies; what somebody put there that is no hash is left out."""
    return [entry for entry in entries(text) if _DIGEST.fullmatch(entry.key) and entry.value]


def info(text: str) -> dict[str, str]:
    """Answer of `show info`."""
    pairs = (line.partition(":") for line in _lines(text))
    return {name.strip(): value.strip() for name, _, value in pairs}


def tables(text: str) -> dict[str, str]:
    """Answer of `show table`: name -> type."""
    return {seen[1]: seen[2] for line in _lines(text) if (seen := _match(_TABLE, line))}


def live(text: str) -> list[Live]:
    """Answer of `show table NAME data.conn_cur gt 0`."""
    keys = (_match(_LIVE, line)[1] for line in _lines(text) if not line.startswith("#"))
    found = []
    for key in keys:
        source, number, login = (*key.replace("\\ ", " ").split(" ", 2), "", "")[:3]
        plain = number.removesuffix(WAITS)
        if not (plain.isdecimal() or number == ALONE) or not login:
            raise Malformed("a live request is not `source number login`")
        found.append(Live(source, plain, login, waits=plain != number))
    return found


def streams(text: str) -> list[Stream]:
    """Answer of `show sess`; HAProxy's own connections are among them."""
    seen = (_SESSION.match(line) for line in _lines(text))
    return [Stream(s[1], s[3], s[4], s[5]) for s in seen if s is not None]


def number(text: str) -> str:
    """Answer of `show sess ID`: the stream's number; "" where there is none any more."""
    seen = _NUMBER.match(text)
    return seen[1] if seen else ""


def servers(text: str) -> list[Server]:
    """Answer of `show servers state`, version 1; columns by the names of its second line."""
    columns: list[str] = []
    found = []
    for line in _lines(text):
        words = line.removeprefix("# ").split(" ")
        if line.startswith("#"):
            columns = words
        elif columns:
            row = dict(zip(columns, words, strict=False))
            try:
                address = f"{row['srv_addr']}:{row['srv_port']}"
                found.append(Server(row["be_name"], address))
            except KeyError as error:
                raise Malformed(f"`show servers state` has no {error}") from error
    return found


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if line)


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    seen = pattern.match(line)
    if seen is None:
        raise Malformed(f"a line is not what was expected: {line[:60]!r}")
    return seen
