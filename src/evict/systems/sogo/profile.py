# SPDX-License-Identifier: Apache-2.0
"""A user's preferences (c_defaults) and settings (c_settings): two JSON texts in one row.

They hold passwords of external accounts, so only what is asked for leaves the database, and what
is changed is changed inside it: one value of the text is replaced by another, if it is still what
was seen, and the rest of the text stays as it is, to the byte.
Source: SOGo 5.8.0, SOGoSQLUserProfile.m, SOGoUserDefaults.m (Forward, Vacation,
AuxiliaryMailAccounts), SOGoMailAccount.m and SOGoUser.m (DelegateTo, DelegateFrom).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.systems.postgres import Row, Transaction, table
from evict.systems.sogo.inventory import External, Forward, Identity, Profile

EXTERNALS: Final = "AuxiliaryMailAccounts"
SET_ASIDE: Final = "EvictAuxiliaryMailAccounts"
"""SOGo keeps keys that it does not know, and reads none of them."""

_SPACINGS: Final = (":", ": ", " : ", " :")
_ENABLED: Final = re.compile(r'("enabled"\s*:\s*)(1|true|"1")(?=\s*[,}])')
_OFF: Final = {"1": "0", "true": "false", '"1"': '"0"'}

_READ: Final = """
SELECT c_uid,
  (d -> 'Forward')::text, d -> 'Vacation' ->> 'enabled',
  (s -> 'Mail' -> 'DelegateTo')::text
FROM (SELECT c_uid, NULLIF(c_defaults, '')::json AS d, NULLIF(c_settings, '')::json AS s
      FROM {profile} WHERE lower(c_uid) = lower(%(uid)s)) AS r
ORDER BY c_uid = %(uid)s DESC LIMIT 1
"""
_EXTERNALS: Final = """
SELECT a ->> 'name', a ->> 'serverName', a ->> 'userName'
FROM {profile},
  json_array_elements(CASE json_typeof(c_defaults::json -> %(key)s)
    WHEN 'array' THEN c_defaults::json -> %(key)s ELSE '[]' END) AS a
WHERE c_uid = %(uid)s AND c_defaults LIKE '{{%%'
"""
_IDENTITIES: Final = """
SELECT c_uid, substring(c_settings from '"DelegateTo"\\s*:\\s*(\\[[^]]*\\])')
FROM {profile}
WHERE c_settings LIKE '%%"DelegateTo"%%' AND strpos(lower(c_settings), lower(%(uid)s)) > 0
"""


class _ForwardJson(Struct):
    enabled: int | bool | str | None = None
    forwardAddress: list[str] | str | None = None  # noqa: N815 - SOGo's key


async def read(transaction: Transaction, profiles: str, uid: str) -> Profile | None:
    """The row of this user, whatever its case; None where SOGo never made one."""
    found = await transaction.rows(table(_READ, profile=profiles), {"uid": uid})
    if not found:
        return None
    name, forward, vacation, delegates = (_text(value) for value in found[0])
    externals = await transaction.rows(
        table(_EXTERNALS, profile=profiles), {"uid": name, "key": EXTERNALS}
    )
    return Profile(
        uid=name,
        forward=forward_of(forward) if forward and forward != "null" else None,
        vacation=vacation in ("1", "true"),
        externals=tuple(_external(row) for row in externals),
        delegates=delegates_of(delegates),
        delegates_text=delegates,
    )


def _external(row: Row) -> External:
    name, server, user = (_text(value) for value in row)
    return External(name=name, server=server, user=user)


async def identities(transaction: Transaction, profiles: str, uid: str) -> tuple[Identity, ...]:
    """Others' mail identities that this user may write with."""
    found = await transaction.rows(table(_IDENTITIES, profile=profiles), {"uid": uid})
    out = []
    for owner, text in ((_text(row[0]), _text(row[1])) for row in found):
        holder = holder_of(delegates_of(text), uid)
        if holder and owner.lower() != uid.lower():
            out.append(Identity(owner=owner, text=text, holder=holder))
    return tuple(out)


def holder_of(delegates: Iterable[str], uid: str) -> str:
    """The user as the list spells it; "" where it does not name the user."""
    return next((one for one in delegates if one.lower() == uid.lower()), "")


def forward_of(text: str) -> Forward:
    """Raises `RemoteProtocolError` where SOGo cannot have written it."""
    try:
        read = msgspec.json.decode(text, type=_ForwardJson)
    except msgspec.MsgspecError:
        raise RemoteProtocolError("Forward is not what SOGo writes", system="sogo") from None
    to = [read.forwardAddress] if isinstance(read.forwardAddress, str) else read.forwardAddress
    return Forward(
        text=text, enabled=read.enabled in (1, True, "1"), addresses=tuple(filter(None, to or ()))
    )


def switched_off(forward: Forward) -> str:
    """The text with its switch off and every other byte as it is."""
    off, count = _ENABLED.subn(lambda m: m[1] + _OFF[m[2]], forward.text)
    if count != 1:
        raise RemoteProtocolError("Forward has no switch that is known", system="sogo")
    return off


def delegates_of(text: str) -> tuple[str, ...]:
    """The uids in a JSON list; none where it is no list of texts."""
    try:
        return tuple(msgspec.json.decode(text, type=list[str])) if text else ()
    except msgspec.MsgspecError:
        return ()


def without(text: str, holder: str) -> str:
    """The list without one of its names, written as SOGo writes lists."""
    return listed(one for one in delegates_of(text) if one != holder)


def listed(delegates: Iterable[str]) -> str:
    return f"[{', '.join(msgspec.json.encode(one).decode() for one in delegates)}]"


class Place(Struct, frozen=True):
    """Where one value stands: a user's row, a column of it, the keys down to the value."""

    uid: str
    column: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.column} of {self.uid}: {'.'.join(self.path)}"


class Texts:
    """The texts of one table of profiles, within one transaction."""

    def __init__(self, transaction: Transaction, profiles: str) -> None:
        self._transaction = transaction
        self._profiles = profiles

    async def value(self, place: Place) -> str:
        """The JSON value as it stands; "" where there is none."""
        query = table(
            "SELECT (NULLIF({column}, '')::json #> %(path)s)::text FROM {profile}"
            " WHERE c_uid = %(uid)s",
            profile=self._profiles,
            column=place.column,
        )
        values = {"uid": place.uid, "path": list(place.path)}
        found = await self._transaction.rows(query, values)
        text = _text(found[0][0]) if found else ""
        return "" if text == "null" else text

    async def replace(self, place: Place, old: str, new: str) -> None:
        """Set a value that was just read.

        Raises:
            RemoteProtocolError: the text is not one that SOGo writes, or another request of SOGo's
                was faster; nothing is to be committed.
        """
        key = place.path[-1]
        for spacing in _SPACINGS:
            if await self._once(place, f'"{key}"{spacing}{old}', f'"{key}"{spacing}{new}'):
                break
        if await self.value(place) != new:
            raise RemoteProtocolError(f"{place.name} cannot be set", system=self._profiles)

    async def rename(self, place: Place, name: str) -> None:
        """Give a key another name, its value untouched. Raises `RemoteProtocolError`."""
        for spacing in _SPACINGS:
            if await self._once(place, f'"{place.path[-1]}"{spacing}', f'"{name}"{spacing}'):
                return
        raise RemoteProtocolError(f"{place.name} cannot be set aside", system=self._profiles)

    async def remove_empty(self, place: Place) -> None:
        """Take an empty list out, with the comma that it needs no more."""
        empty = f'"{place.path[-1]}":[]'
        for text in (f"{empty},", f",{empty}", empty):
            if await self._once(place, text, ""):
                return

    async def _once(self, place: Place, old: str, new: str) -> bool:
        """Only where it stands once; whether it did."""
        query = table(
            "UPDATE {profile} SET {column} = replace({column}, %(old)s, %(new)s)"
            " WHERE c_uid = %(uid)s AND length({column})"
            " - length(replace({column}, %(old)s, '')) = length(%(old)s)",
            profile=self._profiles,
            column=place.column,
        )
        values = {"old": old, "new": new, "uid": place.uid}
        return await self._transaction.run(query, values) == 1


def forward(uid: str) -> Place:
    return Place(uid, "c_defaults", ("Forward",))


def externals(uid: str) -> Place:
    return Place(uid, "c_defaults", (EXTERNALS,))


def aside(uid: str) -> Place:
    return Place(uid, "c_defaults", (SET_ASIDE,))


def delegates(uid: str) -> Place:
    """Who writes in this user's name."""
    return Place(uid, "c_settings", ("Mail", "DelegateTo"))


def delegators(uid: str) -> Place:
    """In whose names this user writes."""
    return Place(uid, "c_settings", ("Mail", "DelegateFrom"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
