# SPDX-License-Identifier: Apache-2.0
"""Attributes that come in parts (`memberOf;range=0-1499`) are read to their end.

Spec: MS-ADTS 3.1.1.3.1.3.3; MaxValRange is 1500 (3.1.1.3.4.6).
"""

from __future__ import annotations

from typing import Final

from evict.core.errors import RemoteProtocolError
from evict.systems.active_directory.reading import guid_dn, guid_text
from evict.systems.active_directory.watch.server import Server
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import BASE, Entry

_MARK: Final = ";range="
_MOST_PARTS: Final = 1000


async def complete(server: Server, entry: Entry) -> Entry:
    """The entry with every value. Raises a `SystemFault`."""
    parted = [name for name in entry.attributes if _MARK in name]
    if not parted:
        return entry
    held = {n: values for n, values in entry.attributes.items() if n not in parted}
    for name in parted:
        attribute = name.partition(_MARK)[0]
        held[attribute] = await _values(server, entry, attribute)
    return Entry(dn=entry.dn, attributes=held)


async def _values(server: Server, entry: Entry, attribute: str) -> tuple[bytes, ...]:
    """From the first: what came in between may have moved the rest."""
    base = guid_dn(guid_text(entry.raw("objectGUID")))
    values: list[bytes] = []
    for _ in range(_MOST_PARTS):
        wanted = f"{attribute}{_MARK}{len(values)}-*"
        found = await server.search(base, BASE, ANYTHING, [wanted])
        name, part = _part(found, attribute)
        values += part
        if name.endswith("-*"):
            return tuple(values)
        if not part:
            break
    text = f"{server.port.name} does not show all values of {attribute}"
    raise RemoteProtocolError(text, system=server.system)


def _part(found: list[Entry], attribute: str) -> tuple[str, tuple[bytes, ...]]:
    for entry in found:
        for name, values in entry.attributes.items():
            if name.startswith(f"{attribute}{_MARK}"):
                return name, values
    return "", ()
