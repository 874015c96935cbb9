# SPDX-License-Identifier: Apache-2.0
"""What both ways of watching share: whose directory it is, where one stands, who is really gone.

Absence is no word. An entry that a server says is gone may only have left what we asked for, or be
hidden by a new access rule: so whoever is said to be gone is looked for by id, under the whole
base, and the directory must still show somebody.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.dn import dn_key
from evict.core.errors import AccessRefused, RemoteProtocolError, SystemFault
from evict.core.presence import Presence
from evict.systems.base import PositionLost
from evict.systems.ldap.filters import ANYTHING, all_of, any_of, equals
from evict.systems.ldap.messages import BASE, SUBTREE, Entry
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.find import is_below, is_same
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import ENTRY_UUID, Above, Shape, find_entry, groups_of

log = structlog.get_logger()

CSN: Final = "contextCSN"
_AT_ONCE: Final = 100
_SIDE_BY_SIDE: Final = 4


class Place(Struct, frozen=True, kw_only=True):
    """A position: opaque to everybody else.

    Attributes:
        root: entryUUID of the base entry: replicas share it, another directory has another.
        way: `syncrepl` or `accesslog`: the one understands nothing of the other's.
        at: syncrepl's cookie, or a reqStart.
        seen: `at` is a record that was read, and not a guess by the clock.
        deletions: counts them, so that a position that tells of one is another position.
    """

    root: str
    way: str
    at: str
    seen: bool = True
    deletions: int = 0

    @property
    def octets(self) -> bytes:
        return msgspec.json.encode(self)


def place_of(position: bytes, *, way: str, system: str) -> Place:
    """Raises `PositionLost` where it is not one of ours."""
    try:
        place = msgspec.json.decode(position, type=Place)
    except msgspec.MsgspecError as error:
        raise PositionLost("the position cannot be read", system=system) from error
    if place.way != way:
        text = f"the position is one of {place.way}, and {way} is used now"
        raise PositionLost(text, system=system)
    return place


class Reader:
    """Reads records for a watch; keeps nothing but which groups are the leavers'.

    Attributes:
        holding: DNs (`dn_key`) of the leavers' groups and of all groups in them, as they were
            when `members` was asked last: whoever joins one of them has left.
    """

    def __init__(self, servers: Servers[Port], shape: Shape, rules: WatchSection) -> None:
        self.servers = servers
        self.shape = shape
        self.leavers_groups = rules.leavers_groups
        self.holding = frozenset(map(dn_key, rules.leavers_groups))
        self._known: set[bytes] = set()

    async def root(self, port: Port) -> Entry:
        """The base entry of the right directory.

        Raises:
            RemoteProtocolError: the base is not there, or not to be seen.
        """
        found = await port.search(self.shape.base, BASE, ANYTHING, [ENTRY_UUID, CSN, "objectClass"])
        if len(found) != 1 or not is_same(found[0].dn, self.shape.base):
            text = f"{port.name} shows no {self.shape.base}: another directory, or no right to read"
            raise RemoteProtocolError(text, system=self.shape.name)
        if not found[0].text(ENTRY_UUID):
            text = f"{port.name} shows {self.shape.base} without its {ENTRY_UUID}"
            raise RemoteProtocolError(text, system=self.shape.name)
        return found[0]

    def checked(self, entry: Entry) -> Entry:
        """Raises `RemoteProtocolError` for an entry of elsewhere."""
        if not is_below(entry.dn, self.shape.base):
            text = f"an entry that does not lie below {self.shape.base}"
            raise RemoteProtocolError(text, system=self.shape.name)
        return entry

    async def members(self) -> dict[str, list[str]]:
        """DN in lower case -> the leavers' groups that hold it, nested ones included."""
        held: dict[str, list[str]] = {}
        holding: set[str] = set()
        for wanted in self.leavers_groups:
            level, read = {wanted}, set[str]()
            while level:
                read |= set(map(dn_key, level))
                inside = [dn for group in sorted(level) for dn in await self._members(group)]
                for dn in inside:
                    held.setdefault(dn.lower(), []).append(wanted)
                level = await self._groups_among(dn for dn in inside if dn_key(dn) not in read)
            holding |= read
        self.holding = frozenset(holding)
        return held

    async def _members(self, group: str) -> tuple[str, ...]:
        attribute = self.shape.settings.group_member
        found = await self.servers.on_first(
            lambda port: port.search(group, BASE, ANYTHING, [attribute])
        )
        return found[0].texts(attribute) if found else ()

    async def _groups_among(self, dns: Iterable[str]) -> set[str]:
        """Which of them have members themselves."""
        named = list(dict.fromkeys(dns))
        groups: set[str] = set()
        for at in range(0, len(named), _AT_ONCE):
            what = any_of(*(equals("entryDN", dn) for dn in named[at : at + _AT_ONCE]))
            found = await self.servers.on_first(
                lambda port, what=what: port.search(  # type: ignore[misc]
                    self.shape.base, SUBTREE, what, [self.shape.settings.group_member]
                )
            )
            groups |= {e.dn for e in found if e.texts(self.shape.settings.group_member)}
        return groups

    def presences(
        self, entries: Iterable[Entry], members: dict[str, list[str]]
    ) -> tuple[Presence, ...]:
        """Of a comparison: with what `memberOf` says, and the leavers' groups."""
        entries = list(entries)
        self.knows(entries)
        return tuple(
            self.shape.presence(entry, members.get(entry.dn.lower(), ())) for entry in entries
        )

    async def whole(self, entries: Iterable[Entry]) -> list[Presence]:
        """Of a change: with every group, since it is acted on as it stands."""
        entries = list(entries)
        self.knows(entries)
        above: Above = {}
        gate = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(entry: Entry) -> Presence:
            async with gate:
                groups = await groups_of(self.servers, self.shape, entry, above)
            return self.shape.presence(entry, groups)

        return list(await asyncio.gather(*map(one, entries)))

    async def read(self, accounts: Iterable[str]) -> list[Entry]:
        """The entries of those ids that are people's and are there."""
        found = [await find_entry(self.servers, self.shape, account) for account in accounts]
        return [entry for entry in found if entry is not None]

    async def by_dn(self, dns: Iterable[str]) -> list[Entry]:
        """The people among them."""
        found: list[Entry] = []
        for dn in dns:
            found += await self.servers.on_first(
                lambda port, dn=dn: port.search(  # type: ignore[misc]
                    dn, BASE, self.shape.people, self.shape.attributes
                )
            )
        return found

    async def gone(self, said: Mapping[str, str]) -> list[Presence]:
        """Those of the deleted that are nowhere to be found, as far as they have a name.

        Args:
            said: id -> the DN that it had, or "": of deletions that were told as such.

        Raises:
            AccessRefused: nobody at all is to be seen any more.
        """
        left = {i: dn for i, dn in said.items() if not await self._is_anywhere(i)}
        if left and not await self.servers.on_first(self._shows_somebody):
            text = "nobody at all is to be seen any more: has the service account lost its rights?"
            raise AccessRefused(text, system=self.shape.name)
        named = {account: self._uid_in(dn) for account, dn in left.items()}
        return [
            Presence(account=self._tombstone(account, uid), deleted=True)
            for account, uid in named.items()
            if uid or self.is_known(account)
        ]

    async def logged(self, accounts: Iterable[str]) -> dict[str, str]:
        """Those whose deletion the overlay accesslog has a record of -> the DN they had.

        Quirk: among the ids that slapd 2.5 says are deleted are entries that were changed and
        then hidden from the service account by an access rule. So that word alone is none.
        """
        found: dict[str, str] = {}
        unproven = 0
        for account in accounts:
            dn = await self._logged_dn(account)
            if dn:
                found[account] = dn
            else:
                unproven += 1
        if unproven:
            log.warning("watch.deletions_unproven", entries=unproven, remedy="overlay accesslog")
        return found

    def knows(self, entries: Iterable[Entry]) -> None:
        """These ids are people's: LDAP has no tombstones that would say so later."""
        self._known |= {uuid.UUID(entry.text(ENTRY_UUID)).bytes for entry in entries}

    def is_known(self, account: str) -> bool:
        return uuid.UUID(account).bytes in self._known

    def _uid_in(self, dn: str) -> str:
        """The login name, where the entry was named by it (RFC 4514 section 3)."""
        first = re.split(r"(?<!\\),", dn, maxsplit=1)[0]
        name, _, value = first.partition("=")
        plain = not set(value) & set("\\+")
        return value.strip() if plain and name.lower() == self.shape.settings.uid.lower() else ""

    async def _logged_dn(self, account: str) -> str:
        """What the overlay accesslog, where there is one, says that it was called."""
        base = self.shape.settings.accesslog_base
        what = all_of(equals("reqType", "delete"), equals("reqEntryUUID", account))
        try:
            found = await self.servers.on_first(
                lambda port: port.search(base, SUBTREE, what, ["reqDN"])
            )
        except SystemFault:
            return ""
        return found[-1].text("reqDN") if found else ""

    async def _is_anywhere(self, account: str) -> bool:
        what = equals(ENTRY_UUID, account)
        return bool(
            await self.servers.on_first(
                lambda port: port.search(self.shape.base, SUBTREE, what, ["1.1"])
            )
        )

    async def _shows_somebody(self, port: Port) -> bool:
        await self.root(port)
        return bool(
            await port.search(self.shape.base, SUBTREE, self.shape.people, ["1.1"], limit=1)
        )

    def _tombstone(self, account: str, uid: str) -> Account:
        return Account(
            id=account,
            directory=self.shape.name,
            dn="",
            sam=uid,
            upn=f"{uid}@{self.shape.domain}" if uid else "",
            domain=self.shape.domain if uid else "",
            dns_domain=self.shape.domain if uid else "",
            enabled=False,
        )
