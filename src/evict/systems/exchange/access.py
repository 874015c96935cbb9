# SPDX-License-Identifier: Apache-2.0
"""Who is served on which server, as its own log says. Since 2013 there is no list of sessions.

Source: access-paths of the product's reference (Get-LogonStatistics works in 2010 only). A line
has the server's own clock, so lines are compared with each other and never with our clock.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Struct

from evict.systems.exchange.objects import text
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import TEXT, Command, found
from evict.systems.exchange.versions import at_least

PROXY_LOGS: Final = (
    "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\HttpProxy\\*\\*.LOG"
)
IIS_LOGS: Final = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\*.log"
POOLS: Final = {
    "owa": "MSExchangeOWAAppPool",
    "activesync": "MSExchangeSyncAppPool",
    "ews": "MSExchangeServicesAppPool",
    "mapi": "MSExchangeMapiFrontEndAppPool",
}
"""The pool of each web protocol's front end; it alone holds tokens (KB 3035228 names the pools)."""
_SPELLINGS: Final = {
    "owa": "owa",
    "eas": "activesync",
    "activesync": "activesync",
    "microsoft-server-activesync": "activesync",
    "ews": "ews",
    "mapi": "mapi",
}
_FOLDERS: Final = {"owa": "Owa", "activesync": "Eas", "ews": "Ews", "mapi": "Mapi"}
_MOST_LINES: Final = 2_000
"""Of one look at a log: a line costs about a millisecond over the wire."""
_PEOPLE_KEPT_S: Final = 60.0
TOKEN_LIFE: Final = timedelta(minutes=15)
"""How long IIS keeps a token that is not used (KB 267568, UserTokenTTL)."""


class Line(Struct, frozen=True, kw_only=True, order=True):
    """One request."""

    at: datetime
    protocol: str
    user: str
    status: int

    @property
    def served(self) -> bool:
        return 200 <= self.status < 300


class Served(Struct, frozen=True, kw_only=True):
    """One pool of one server that went on serving the leaver after all was shut.

    Attributes:
        count: requests served since.
        last_at: of the server's clock.
        people: others seen in this pool's log in the last 15 minutes.
        whole: whether those are all; a busy log is not read to its beginning.
        recycled: it was recycled since all was shut, and served again after that.
    """

    server: str
    protocol: str
    count: int
    last_at: datetime
    people: int = 0
    whole: bool = True
    recycled: bool = False

    @property
    def pool(self) -> str:
        return POOLS[self.protocol]

    @property
    def others(self) -> str:
        return f"{self.people} other people{'' if self.whole else ' or more'}"


class Mark(NamedTuple):
    """A place in a log: its newest line's time, and how many lines have it."""

    newest: datetime | None
    lines: int


class Log(Struct, frozen=True, kw_only=True):
    """What one server's log says of the leaver; `fault` where it could not be read."""

    server: str
    lines: tuple[Line, ...] = ()
    fault: str = ""

    def end(self, protocol: str) -> Mark:
        """Where it ends now. A log may count in whole seconds, so lines of the last one count."""
        times = [line.at for line in self.lines if line.protocol == protocol]
        newest = max(times, default=None)
        return Mark(newest, times.count(newest) if newest else 0)

    def since(self, protocol: str, mark: Mark) -> tuple[Line, ...]:
        """What came after `mark`."""
        lines = sorted(line for line in self.lines if line.protocol == protocol)
        if mark.newest is None:
            return tuple(lines)
        fresh = [line for line in lines if line.at > mark.newest]
        same = [line for line in lines if line.at == mark.newest]
        return (*same[mark.lines :], *fresh)


class Columns(Struct, frozen=True, kw_only=True):
    """Which cell of a line holds what. `time` is None where the date has it; `web`: W3C's form."""

    date: int
    user: int
    status: int
    what: int
    time: int | None = None
    web: bool = False


PROXY: Final = Columns(date=0, what=2, user=3, status=4)
"""Time, server, protocol, user, status, path."""
IIS: Final = Columns(date=0, time=1, what=4, user=5, status=6, web=True)
"""Date, time, site, method, path, user, status; of 2010, which has no log of the other kind."""
_HEADING: Final = "#Fields:"


def columns(heading: str, otherwise: Columns) -> Columns:
    """What a file's own heading says; `otherwise` where it does not name all that is needed."""
    _, found, names = heading.partition(_HEADING)
    separator = " " if otherwise.web else ","
    at = {name.strip().lower(): n for n, name in enumerate(names.strip().split(separator))}
    wanted = _WEB_NAMES if otherwise.web else _PROXY_NAMES
    if not found or not set(wanted.values()) <= at.keys():
        return otherwise
    return Columns(**{key: at[name] for key, name in wanted.items()}, web=otherwise.web)


_PROXY_NAMES: Final = {
    "date": "datetime",
    "what": "protocol",
    "user": "authenticateduser",
    "status": "httpstatus",
}
_WEB_NAMES: Final = {
    "date": "date",
    "time": "time",
    "what": "cs-uri-stem",
    "user": "cs-username",
    "status": "sc-status",
}


def parse(rows: Iterable[str], where: Columns = PROXY) -> tuple[Line, ...]:
    """The requests; what is none (headings, half lines, other protocols) is left out."""
    return tuple(line for row in rows if (line := _line(row, where)) is not None)


def _line(row: str, where: Columns) -> Line | None:
    cells = row.split() if where.web else next(csv.reader([row.strip()]), [])
    try:
        stamp = cells[where.date]
        if where.time is not None:
            stamp = f"{stamp}T{cells[where.time]}Z"
        moment = datetime.fromisoformat(stamp)
        line = Line(
            at=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
            protocol=_SPELLINGS[cells[where.what].strip("/").partition("/")[0].lower()],
            user=bare(cells[where.user]),
            status=int(cells[where.status]),
        )
    except (ValueError, IndexError, KeyError):
        return None
    return line


def bare(user: str) -> str:
    r"""`CORP\ann`, `ann@corp.example`, `ann`: one name in a log."""
    return user.rpartition("\\")[2].partition("@")[0].lower()


class Logs:
    """One server's log of requests, over its own shell."""

    def __init__(self, shell: Shell, version: str) -> None:
        proxy = at_least(version, "2013")
        self.shell = shell
        self._path = PROXY_LOGS if proxy else IIS_LOGS
        self._columns = PROXY if proxy else IIS
        self._headed = False
        self._people: dict[str, tuple[float, int, bool]] = {}

    async def of(self, sam: str) -> tuple[Line, ...]:
        """The leaver's lines. Raises a `SystemFault`."""
        if not self._headed:
            headings = await self._rows((_HEADING,))
            self._columns = columns(headings[-1] if headings else "", self._columns)
            self._headed = True
        lines = parse(await self._rows((sam,)), self._columns)
        return tuple(line for line in lines if line.user == sam.lower())

    async def people(self, served: Served, sam: str) -> tuple[int, bool]:
        """How many others were served in a pool within a token's life before its last line.

        Returns:
            The number, and whether it is all of them: of a busy log the newest lines are counted.
        """
        kept = self._people.get(served.protocol)
        if kept is not None and time.monotonic() - kept[0] < _PEOPLE_KEPT_S:
            return kept[1], kept[2]
        minutes = [served.last_at - timedelta(minutes=n) for n in range(16)]
        form = "%Y-%m-%d %H:%M" if self._columns.web else "%Y-%m-%dT%H:%M"
        stamps = tuple(dict.fromkeys(minute.strftime(form) for minute in minutes))
        rows = await self._rows(stamps, folder=_FOLDERS[served.protocol])
        others = {
            line.user
            for line in parse(rows, self._columns)
            if line.protocol == served.protocol
            and line.served
            and served.last_at - TOKEN_LIFE <= line.at
        }
        count, whole = len(others - {sam.lower(), "", "-"}), len(rows) < _MOST_LINES
        self._people[served.protocol] = (time.monotonic(), count, whole)
        return count, whole

    async def _rows(self, patterns: tuple[str, ...], *, folder: str = "*") -> list[str]:
        """The newest lines that have one of `patterns`."""
        path = self._path.replace("\\*\\", f"\\{folder}\\")
        look = {"Path": path, "SimpleMatch": True, "Pattern": patterns}
        newest = {"ExpandProperty": "Line", "Last": _MOST_LINES}
        result = await self.shell.pipe(
            [
                Command(name="Select-String", parameters=look),
                Command(name="Select-Object", parameters=newest),
            ]
        )
        return [text(o, TEXT) for o in found(result, self.shell.system)]
