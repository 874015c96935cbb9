# SPDX-License-Identifier: Apache-2.0
"""Postfix's settings as postconf tells them, main.cf and what master.cf sets for one service.

Spec: postconf(1) of Postfix 3.7 (`-x` expands parameters, `-P` prints master.cf's `-o` options as
`service/type/name = value`, `-M` its lines), postconf(5) (lists are separated by commas and white
space; `{ }` keeps one element together).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.systems.command import Tool

_PORTS: Final = {"smtp": 25, "submission": 587, "submissions": 465, "smtps": 465, "urd": 465}
"""Names in /etc/services that master.cf uses."""
_TIME: Final = re.compile(r"(\d+)([smhdw]?)")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class Settings(Struct, frozen=True, kw_only=True):
    """What a Postfix is set to.

    Attributes:
        main: main.cf and the defaults, expanded.
        services: `name/type` of each service that runs smtpd.
        overrides: `name/type` -> its `-o` options, expanded.
    """

    main: dict[str, str]
    services: tuple[str, ...]
    overrides: dict[str, dict[str, str]]

    def get(self, name: str, service: str = "") -> str:
        """As the service sees it; "" where nothing is set."""
        return self.overrides.get(service, {}).get(name, self.main.get(name, ""))

    def listening(self, port: int) -> tuple[str, ...]:
        """The smtpd services on this TCP port, whatever address they listen on."""
        return tuple(s for s in self.services if s.endswith("/inet") and _port(s) == port)


def _port(service: str) -> int | None:
    name = service.rpartition("/")[0].rpartition(":")[2]
    return int(name) if name.isdigit() else _PORTS.get(name)


def seconds(value: str, unit: str = "s") -> float | None:
    """Read a duration (`3s`, `5d`); `unit` where none is written; None where it is none."""
    found = _TIME.fullmatch(value)
    return None if found is None else int(found[1]) * _SECONDS[found[2] or unit]


def parse(main: str, options: str, lines: str) -> Settings:
    """Read what `postconf -x`, `postconf -x -P` and `postconf -M` print."""
    overrides: dict[str, dict[str, str]] = {}
    for name, value in _pairs(options):
        service, _, parameter = name.rpartition("/")
        overrides.setdefault(service, {})[parameter] = value
    rows = (line.split(None, 8) for line in lines.splitlines())
    return Settings(
        main=dict(_pairs(main)),
        services=tuple(
            f"{row[0]}/{row[1]}" for row in rows if len(row) > 7 and row[7].split()[0] == "smtpd"
        ),
        overrides=overrides,
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.partition(" =")
        if equals:
            yield name.strip(), value.strip()


async def read(tool: Tool, config_directory: Path) -> Settings:
    """Ask postconf. Raises a `SystemFault` where it cannot be run or says nothing of use."""
    ask = ["postconf", "-c", str(config_directory)]
    answers = await asyncio.gather(
        tool.run([*ask, "-x"]), tool.run([*ask, "-x", "-P"]), tool.run([*ask, "-M"])
    )
    settings = parse(*(out for out, _ in answers))
    if "queue_directory" not in settings.main:
        raise RemoteProtocolError("postconf's answer cannot be read", system=tool.system)
    return settings


class Policy(Struct, frozen=True, kw_only=True):
    """One `check_policy_service` of a list of restrictions.

    Attributes:
        server: `unix:path` or `inet:host:port`.
        options: of the brace form (Postfix 3.0): timeout, default_action, ...
        after: the restrictions that stand before it in the list, their arguments included.
    """

    server: str
    options: dict[str, str]
    after: tuple[str, ...]


def policies(restrictions: str) -> tuple[Policy, ...]:
    """The policy services that a list of restrictions asks, in order."""
    words = list(_elements(restrictions))
    return tuple(
        _policy(words[n + 1], tuple(words[:n]))
        for n, word in enumerate(words[:-1])
        if word == "check_policy_service"
    )


def _policy(argument: str, after: tuple[str, ...]) -> Policy:
    server, *rest = (
        (list(_elements(argument[1:-1])) or [""]) if argument.startswith("{") else [argument]
    )
    return Policy(server=server, options=dict(map(_option, rest)), after=after)


def _option(text: str) -> tuple[str, str]:
    """`name=value`, or `{ name = value with spaces }`."""
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


def _elements(text: str) -> Iterator[str]:
    """Split at separators outside of braces; a missing closing brace ends with the text."""
    depth = 0
    word = ""
    for char in text:
        if depth == 0 and char in ", \t\r\n":
            if word:
                yield word
            word = ""
            continue
        depth = max(depth + (char == "{") - (char == "}"), 0)
        word += char
    if word:
        yield word
