# SPDX-License-Identifier: Apache-2.0
"""The entries of the fake domain controller, and how it searches, binds and modifies them."""

from __future__ import annotations

import copy
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from anyldap.protocols import pureber, pureldap

from evict.systems.active_directory.controllers import sid_below
from evict.systems.ldap import messages

BASE_DN = "DC=corp,DC=test"
DOMAIN_SID = bytes.fromhex("010400000000000515000000") + b"\x01\x00\x00\x00" * 3
FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

Entry = dict[str, list[bytes]]
"""Attribute name in lower case -> values."""


def values_of(entry: Entry, name: str) -> Sequence[bytes]:
    return entry.get(name.lower(), ())


def now_filetime() -> int:
    return int((datetime.now(UTC) - FILETIME_EPOCH).total_seconds() * 10_000_000)


@dataclass
class Store:
    """Entries by distinguished name, and the passwords of each, newest last."""

    entries: dict[str, Entry] = field(default_factory=dict)
    passwords: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.put("", defaultNamingContext=BASE_DN, configurationNamingContext=f"CN=C,{BASE_DN}")
        self.put("", currentTime=f"{datetime.now(UTC):%Y%m%d%H%M%S}.0Z")
        self.put(BASE_DN, objectSid=DOMAIN_SID, pwdHistoryLength="24")
        partitions = f"CN=Partitions,CN=C,{BASE_DN}"
        self.put(partitions)
        self.put(f"CN=CORP,{partitions}", nCName=BASE_DN, nETBIOSName="CORP", dnsRoot="corp.test")
        users = f"CN=Domain Users,{BASE_DN}"
        self.put(users, objectSid=sid_below(DOMAIN_SID, 513), distinguishedName=users)

    def put(self, dn: str, **attributes: str | bytes | Iterable[str]) -> None:
        """Set attributes of an entry, which is made where it is not there."""
        entry = self.entries.setdefault(dn, {"objectclass": [b"top"]})
        for name, value in attributes.items():
            single = (value,) if isinstance(value, (str, bytes)) else tuple(value)
            entry[name.lower()] = [v.encode() if isinstance(v, str) else v for v in single]

    def person(self, sam: str, password: str, **attributes: str | bytes | Iterable[str]) -> str:
        """Make an enabled account; give its objectGUID as text."""
        dn, account_id = f"CN={sam},{BASE_DN}", uuid.uuid4()
        self.put(
            dn,
            distinguishedName=dn,
            sAMAccountName=sam,
            objectGUID=account_id.bytes_le,
            sAMAccountType="805306368",
            userAccountControl="512",
            primaryGroupID="513",
            pwdLastSet="132000000000000000",
        )
        self.put(dn, **attributes)
        self.passwords[dn] = [password]
        return str(account_id)

    def copy(self) -> Store:
        """A replica that gets no more changes."""
        return copy.deepcopy(self)

    def bind(self, dn: str, password: str) -> str:
        """The `data` code, or "": the password is looked at first, the one before counts too."""
        history = self.passwords.get(dn, [])
        if password not in history[-2:]:
            return "52e"
        return "533" if int(values_of(self.entries[dn], "userAccountControl")[0]) & 2 else ""

    def search(
        self, base: str, scope: int, what: pureber.BERBase
    ) -> list[tuple[str, Entry]] | None:
        top = self.locate(base)
        if top is None:
            return None
        below = [
            (dn, entry)
            for dn, entry in self.entries.items()
            if dn == top or (scope == messages.SUBTREE and dn.endswith(f",{top}"))
        ]
        return [(dn, entry) for dn, entry in below if matches(entry, what)]

    def locate(self, name: str) -> str | None:
        if not name.startswith("<GUID="):
            return name if name in self.entries else None
        wanted = uuid.UUID(name[6:-1]).bytes_le
        found = [d for d, e in self.entries.items() if wanted in values_of(e, "objectGUID")]
        return found[0] if found else None

    def modify(self, name: str, parts: list[pureber.BERBase]) -> int:
        """All or nothing; the result code."""
        dn = self.locate(name)
        if dn is None:
            return messages.NO_SUCH_OBJECT
        entry = copy.deepcopy(self.entries[dn])
        password: str | None = None
        for kind, attribute, values in map(_part, parts):
            held = entry.setdefault(attribute, [])
            if kind == messages.DELETE:
                if any(value not in held for value in values):
                    return messages.NO_SUCH_ATTRIBUTE
                entry[attribute] = [v for v in held if v not in values]
            elif attribute == "unicodepwd":
                password = values[0].decode("utf-16-le").strip('"')
                entry["pwdlastset"] = [str(now_filetime()).encode()]
            else:
                entry[attribute] = values if kind == messages.REPLACE else [*held, *values]
        self.entries[dn] = entry
        if password is not None:
            self.passwords.setdefault(dn, []).append(password)
        return messages.SUCCESS


def matches(entry: Entry, what: pureber.BERBase) -> bool:
    if isinstance(what, pureldap.LDAPFilter_and):
        return all(matches(entry, part) for part in what)
    if isinstance(what, pureldap.LDAPFilter_or):
        return any(matches(entry, part) for part in what)
    if isinstance(what, pureldap.LDAPFilter_not):
        assert isinstance(what.value, pureber.BERBase)
        return not matches(entry, what.value)
    if isinstance(what, pureldap.LDAPFilter_present):
        return bool(values_of(entry, _octets(what.value).decode()))
    if isinstance(what, pureldap.LDAPFilter_equalityMatch):
        assert what.assertionValue is not None
        wanted = _loose(_octets(what.assertionValue.value))
        held = values_of(entry, _octets(what.attributeDesc.value).decode())
        return any(_loose(value) == wanted for value in held)
    assert isinstance(what, pureldap.LDAPFilter_substrings)
    (initial,) = what.substrings
    assert isinstance(initial, pureber.BEROctetString)
    prefix = _loose(_octets(initial.value))
    held = values_of(entry, _octets(what.type).decode())
    return any(_loose(value).startswith(prefix) for value in held)


def _loose(value: bytes) -> str:
    """As Active Directory compares: case and accents do not count."""
    text = unicodedata.normalize("NFKD", value.decode("utf-8", "surrogateescape")).casefold()
    return "".join(c for c in text if not unicodedata.combining(c))


def _part(part: pureber.BERBase) -> tuple[int, str, list[bytes]]:
    assert isinstance(part, pureber.BERSequence)
    kind, pair = part[0], part[1]
    assert isinstance(kind, pureber.BERInteger)
    assert isinstance(pair, pureber.BERSequence)
    name, values = pair[0], pair[1]
    assert isinstance(name, pureber.BEROctetString)
    assert isinstance(values, pureber.BERSequence)
    octets = [v.value for v in values if isinstance(v, pureber.BEROctetString)]
    return kind.value, _octets(name.value).decode().lower(), [_octets(v) for v in octets]


def _octets(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
