# SPDX-License-Identifier: Apache-2.0
"""How Exchange spells values: identities, times, sizes, lists that are changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from evict.lab.cmdlets.binding import strings
from evict.lab.cmdlets.words import PsObject
from evict.lab.model.mailbox import Mailbox

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

_OBJECT_ID: Final = (
    "Microsoft.Exchange.Data.Directory.ADObjectId",
    "Microsoft.Exchange.Data.ObjectId",
    "System.Object",
)
_IDS: Final = uuid.UUID("5b0d5f0e-6f2c-4a6e-9a51-0f6e8a3b7c11")
SYSTEM_OBJECT: Final = "System.Object"
CONFIGURABLE: Final = ("Microsoft.Exchange.Data.ConfigurableObject", SYSTEM_OBJECT)
DIRECTORY_OBJECT: Final = (
    "Microsoft.Exchange.Data.Directory.ADObject",
    "Microsoft.Exchange.Data.Directory.ADRawEntry",
    *CONFIGURABLE,
)


def made_up_id(*parts: str) -> uuid.UUID:
    """An id that depends on the parts alone."""
    return uuid.uuid5(_IDS, "/".join(parts))


def canonical(dn: str) -> str:
    """`CN=Ann,OU=People,DC=corp,DC=example` -> `corp.example/People/Ann`."""
    pairs = [part.partition("=")[::2] for part in dn.split(",")]
    domain = ".".join(value for key, value in pairs if key.upper() == "DC")
    path = [value for key, value in reversed(pairs) if key.upper() != "DC"]
    return "/".join((domain, *path))


def dn_of(organisation: Organisation, box: Mailbox) -> str:
    return organisation.directory.get(box.sam).dn


def name_of(organisation: Organisation, box: Mailbox) -> str:
    """The canonical name, by which Exchange speaks of a mailbox."""
    return canonical(dn_of(organisation, box))


def object_id(dn: str, guid: str | uuid.UUID) -> PsObject:
    name = dn.partition(",")[0].partition("=")[2]
    properties: dict[str, object] = {
        "Name": name,
        "DistinguishedName": dn,
        "ObjectGuid": uuid.UUID(str(guid)),
    }
    return PsObject(_OBJECT_ID, canonical(dn), properties)


def mailbox_id(organisation: Organisation, box: Mailbox) -> PsObject:
    account = organisation.directory.get(box.sam)
    return object_id(account.dn, account.guid)


def short_id(kind: str, name: str) -> PsObject:
    """Of a database or a server: its name alone is its text."""
    dn = f"CN={name},CN={kind},CN=Microsoft Exchange"
    properties: dict[str, object] = {
        "Name": name,
        "DistinguishedName": dn,
        "ObjectGuid": made_up_id(kind, name.lower()),
    }
    return PsObject(_OBJECT_ID, name, properties)


def database_id(name: str) -> PsObject:
    return short_id("Databases", name)


def moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def size(count: int) -> str:
    """A ByteQuantifiedSize as text."""
    value, unit = float(count), "B"
    for larger in ("KB", "MB", "GB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.4g} {unit} ({count:,} bytes)"


def server_of(organisation: Organisation, database: str) -> str:
    """The server that has a database mounted: they are dealt out in turn (assumed)."""
    servers = list(organisation.servers)
    number = list(organisation.databases).index(database)
    return servers[number % len(servers)].upper()


def changed(now: Iterable[str], value: object, same: Callable[[str], str] = str.lower) -> list[str]:
    """A multi-valued property after `value`: a new list, None, or `@{Add=...; Remove=...}`.

    Args:
        same: what two spellings of one value have in common.
    """
    old = list(now)
    if not isinstance(value, dict):
        return strings(value)
    gone = {same(v) for v in strings(value.get("remove", []))}
    left = [v for v in old if same(v) not in gone]
    known = {same(v) for v in left}
    return [*left, *(v for v in strings(value.get("add", [])) if same(v) not in known)]
