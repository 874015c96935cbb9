# SPDX-License-Identifier: Apache-2.0
"""SOGo's own settings, read from sogo.conf: an OpenStep property list with passwords in it.

Of what is read only the settings named here are kept.
Source: SOGo 5.8.0, SOGoDefaults.plist, SOGoSystemDefaults.m, SOGoDomainDefaults.m (defaults).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.systems.command import Tool

DEFAULTS: Final = {
    "SOGoCacheCleanupInterval": "300",
    "SOGoEnablePublicAccess": "NO",
    "SOGoMemcachedHost": "localhost",
    "SOGoMaximumPingInterval": "10",
    "SOGoMaximumSyncInterval": "30",
    "SOGoInternalSyncInterval": "10",
    "SOGoEnableDomainBasedUID": "NO",
    "SOGoTrustProxyAuthentication": "NO",
    "SOGoMailAuxiliaryUserAccountsEnabled": "NO",
    "SOGoForwardEnabled": "NO",
    "SOGoAuthenticationType": "",
    "SOGoCalendarDefaultRoles": "",
    "SOGoContactsDefaultRoles": "",
    "OCSStoreURL": "",
    "OCSAclURL": "",
    "OCSCacheFolderURL": "",
}
_TOKEN: Final = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|(?P<sign>[{}()<>=;,])|"(?P<quoted>(?:[^"\\]|\\.)*)\""""
    r"""|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<word>[^\s{}()<>=;,"']+)""",
    re.DOTALL,
)
_DEEPEST: Final = 50
_URLS: Final = ("OCSStoreURL", "OCSAclURL", "OCSCacheFolderURL")

Value = str | list["Value"] | dict[str, "Value"]


class Settings(Struct, frozen=True, kw_only=True):
    """Attributes: `values`: those that are set; a list's words joined with commas."""

    values: dict[str, str] = {}

    def get(self, name: str) -> str:
        return self.values.get(name, DEFAULTS[name])

    def is_set(self, name: str) -> bool:
        return name in self.values

    def on(self, name: str) -> bool:
        return self.get(name).upper() in ("YES", "TRUE", "1")

    def seconds(self, name: str) -> float | None:
        try:
            return float(self.get(name))
        except ValueError:
            return None


async def read(tool: Tool, file: Path) -> Settings:
    """Raises a `SystemFault`."""
    text, _ = await tool.run(["cat", str(file)])
    return settings_of(text, tool.system)


def settings_of(text: str, system: str) -> Settings:
    """Raises `RemoteProtocolError`; its text quotes nothing of what was read."""
    reader = _Reader(text)
    try:
        whole = reader.value(next(reader.tokens), 0)
    except (StopIteration, ValueError):
        line = text.count("\n", 0, reader.at) + 1
        fault = f"SOGo's settings are no property list, line {line}"
        raise RemoteProtocolError(fault, system=system) from None
    known = whole if isinstance(whole, dict) else {}
    return Settings(values={name: _plain(name, known[name]) for name in DEFAULTS if name in known})


def _plain(name: str, value: Value) -> str:
    """A location's last part is its table; the rest has a password in it."""
    if isinstance(value, list):
        return ",".join(part for part in value if isinstance(part, str))
    text = value if isinstance(value, str) else ""
    return text.rpartition("/")[2] if name in _URLS else text


class _Reader:
    """Attributes: `at`: how far it came."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self.tokens = self._read()

    def _read(self) -> Iterator[tuple[str, str]]:
        while self.at < len(self._text):
            match = _TOKEN.match(self._text, self.at)
            if match is None:
                raise ValueError("no token")
            self.at = match.end()
            if match["sign"] is not None:
                yield "sign", match["sign"]
            elif match.lastgroup is not None:
                yield "text", re.sub(r"\\(.)", r"\1", match[match.lastgroup], flags=re.DOTALL)

    def value(self, token: tuple[str, str], depth: int) -> Value:
        if depth > _DEEPEST:
            raise ValueError("too deep")
        match token:
            case ("text", text):
                return text
            case ("sign", "{"):
                return self._dictionary(depth)
            case ("sign", "("):
                return self._list(depth)
            case ("sign", "<"):
                return self._data()
        raise ValueError("no value")

    def _dictionary(self, depth: int) -> dict[str, Value]:
        out: dict[str, Value] = {}
        while (token := next(self.tokens)) != ("sign", "}"):
            kind, name = token
            if kind != "text" or next(self.tokens) != ("sign", "="):
                raise ValueError("no key")
            out[name] = self.value(next(self.tokens), depth + 1)
            end = next(self.tokens)
            if end == ("sign", "}"):
                break
            if end != ("sign", ";"):
                raise ValueError("no end")
        return out

    def _list(self, depth: int) -> list[Value]:
        out: list[Value] = []
        while (token := next(self.tokens)) != ("sign", ")"):
            if token != ("sign", ","):
                out.append(self.value(token, depth + 1))
        return out

    def _data(self) -> str:
        while next(self.tokens) != ("sign", ">"):
            pass
        return ""
