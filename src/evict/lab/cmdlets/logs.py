# SPDX-License-Identifier: Apache-2.0
"""A server's own shell: Select-String over its logs of requests.

Two kinds of files are there: HttpProxy's (2013 and later), whose many columns are cut down here to
six; and IIS's own, in the W3C format with its usual fields.
"""

from __future__ import annotations

import fnmatch
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from typing import Final

from evict.lab.cmdlets.binding import no_path, strings
from evict.lab.cmdlets.parameters import of_kind
from evict.lab.cmdlets.roles import SERVER
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.state import Spelled, state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject
from evict.lab.model.profile import Version
from evict.lab.model.servers import LogLine
from evict.lab.model.words import Protocol

_TYPES: Final = ("Microsoft.PowerShell.Commands.MatchInfo", "System.Object")
_PROXY: Final = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\HttpProxy"
_PROXY_HEADING: Final = (
    "#Fields: DateTime,ServerHostName,Protocol,AuthenticatedUser,HttpStatus,UrlStem"
)
_IIS_HEADING: Final = "#Fields: date time s-sitename cs-method cs-uri-stem cs-username sc-status"
_IIS: Final = "C:\\inetpub\\logs\\LogFiles\\W3SVC1"
_FOLDERS: Final = {
    Protocol.OWA.value: "Owa",
    Protocol.ACTIVESYNC.value: "Eas",
    Protocol.EWS.value: "Ews",
    Protocol.MAPI.value: "Mapi",
}
_ROOTS: Final = {
    Protocol.OWA.value: "/owa/",
    Protocol.ACTIVESYNC.value: "/Microsoft-Server-ActiveSync",
    Protocol.EWS.value: "/EWS/Exchange.asmx",
    Protocol.MAPI.value: "/mapi/emsmdb",
}


def _moment(at: float) -> str:
    """As HttpProxy writes it: UTC, with thousandths."""
    whole = int(at)
    return f"{_second(whole)}.{int((at - whole) * 1000):03}Z"


@lru_cache(maxsize=4096)
def _second(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}"


def _proxy_line(netbios: str, line: LogLine) -> str:
    user = f"{netbios}\\{line.sam}" if line.sam else ""
    url = line.url or _ROOTS[line.protocol]
    where = f"{line.server.upper()},{_FOLDERS[line.protocol]}"
    return f"{_moment(line.at)},{where},{user},{line.status},{url}"


def _iis_line(netbios: str, line: LogLine) -> str:
    user = f"{netbios}\\{line.sam}" if line.sam else "-"
    url = (line.url or _ROOTS[line.protocol]).replace(" ", "+")
    when = _second(int(line.at)).replace("T", " ")
    return f"{when} W3SVC1 POST {url} {user} {line.status}"


def _file(line: LogLine, *, proxy: bool) -> str:
    day = _second(int(line.at))[:13].replace("-", "").replace("T", "")
    if proxy:
        return f"{_PROXY}\\{_FOLDERS[line.protocol]}\\HttpProxy_{day}-1.LOG"
    return f"{_IIS}\\u_ex{day[2:8]}.log"


def _kinds(call: Call) -> Iterator[bool]:
    """The kinds of files that -Path may mean: True for HttpProxy's. Raises `CmdletError`."""
    for path in strings(call.bound["Path"]):
        low = path.lower()
        if low.startswith("c:\\inetpub\\logs\\"):
            yield False
        elif not low.startswith("c:\\program files\\microsoft\\exchange server\\"):
            raise no_path(call.cmdlet, path)
        elif call.organisation.profile.version.order >= Version.V2013.order:
            yield True


def _spelled(call: Call, *, proxy: bool) -> Sequence[Spelled]:
    """The whole log; what was spelled once is kept, as a log grows and is asked again and again."""
    log = call.organisation.server(call.server).log
    kept = state_of(call.organisation).logs
    made = kept.setdefault((call.server, proxy), deque(maxlen=log.maxlen))
    newest = made[-1].line if made else None
    fresh = list(takewhile(lambda line: line is not newest, reversed(log)))
    netbios = call.organisation.directory.netbios
    spell = _proxy_line if proxy else _iis_line
    for line in reversed(fresh):
        text = spell(netbios, line) if line.protocol in _FOLDERS else ""
        made.append(Spelled(line, text, text.lower()))
    return made


def select_string(call: Call) -> Iterator[Output]:
    globs = [path.lower().replace("[", "[[]") for path in strings(call.bound["Path"])]
    find = _finder(call)
    for proxy in dict.fromkeys(_kinds(call)):
        log = [s for s in _spelled(call, proxy=proxy) if s.text]
        heading = _PROXY_HEADING if proxy else _IIS_HEADING
        pattern = find(heading, heading.lower())
        if pattern is not None:
            files = (file for file in _files(log, proxy=proxy) if _fits(file, globs))
            yield from (_show(heading, pattern, file, 1) for file in files)
        for number, spelled in enumerate(log, start=2):
            pattern = find(spelled.text, spelled.low)
            if pattern is None:
                continue
            file = _file(spelled.line, proxy=proxy)
            if _fits(file, globs):
                yield _show(spelled.text, pattern, file, number)


def _files(log: Sequence[Spelled], *, proxy: bool) -> Sequence[str]:
    hours = {(int(s.line.at) // 3600, s.line.protocol): s.line for s in log}
    return list(dict.fromkeys(_file(line, proxy=proxy) for line in hours.values()))


def _fits(file: str, globs: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(file.lower(), glob) for glob in globs)


def _finder(call: Call) -> Callable[[str, str], str | None]:
    """Which of the patterns a line, and the same in small letters, holds; the first.

    Raises `CmdletError`.
    """
    patterns = strings(call.bound["Pattern"])
    if call.flag("SimpleMatch"):
        low = [(pattern, pattern.lower()) for pattern in patterns]

        def simple(_: str, line: str) -> str | None:
            return next((pattern for pattern, wanted in low if wanted in line), None)

        return simple
    try:
        compiled = [(pattern, re.compile(pattern, re.IGNORECASE)) for pattern in patterns]
    except re.error:
        raise CmdletError(
            f"The string {patterns} is not a valid regular expression.",
            "ArgumentException",
            category="InvalidArgument",
            error_id=f"InvalidRegex,{call.cmdlet.name}",
        ) from None

    def regular(text: str, _: str) -> str | None:
        return next((pattern for pattern, search in compiled if search.search(text)), None)

    return regular


def _show(text: str, pattern: str, file: str, number: int) -> PsObject:
    properties: dict[str, object] = {
        "IgnoreCase": True,
        "LineNumber": number,
        "Line": text,
        "Filename": file.rpartition("\\")[2],
        "Path": file,
        "Pattern": pattern,
    }
    return PsObject(_TYPES, f"{file}:{number}:{text}", properties)


CMDLETS: Final = (
    Cmdlet(
        name="Select-String",
        run=select_string,
        roles=SERVER,
        parameters=(
            Parameter(name="Pattern", kind="list", required=True, position=0),
            Parameter(name="Path", kind="list", required=True, position=1),
            *of_kind("switch", "SimpleMatch"),
        ),
    ),
)
