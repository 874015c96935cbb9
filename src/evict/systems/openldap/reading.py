# SPDX-License-Identifier: Apache-2.0
"""From a directory entry to an account, and to what it shows of leaving."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from evict.config.model import DirectorySection
from evict.config.openldap import OpenLdap
from evict.core.account import Account
from evict.core.errors import AccountUnknown, RemoteProtocolError
from evict.core.presence import Presence
from evict.systems.ldap.filters import Filter, all_of, any_of, equals, present
from evict.systems.ldap.messages import SUBTREE, Entry
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.port import Port

ENTRY_UUID: Final = "entryUUID"
LOCK: Final = "pwdAccountLockedTime"
LOCKED: Final = "000001010000Z"
"""For good; any other time is a lock after failed logins, which ends (slapo-ppolicy(5))."""
CHANGED: Final = "pwdChangedTime"
RESET: Final = "pwdReset"
END: Final = "pwdEndTime"
SHADOW_EXPIRE: Final = "shadowExpire"
PASSWORD: Final = "userPassword"  # noqa: S105 - an attribute's name
CLOSED: Final = "{EVICT}"
"""The scheme of a password that nothing matches: slapd knows no such scheme."""

_GROUPS_AT_ONCE: Final = 200


class Shape:
    """What this directory calls things."""

    def __init__(self, section: DirectorySection) -> None:
        self.settings: OpenLdap = section.openldap
        self.name = section.name
        self.base = section.base_dn
        self.domain = (self.settings.login_domain or domain_of(section.base_dn)).lower()

    @property
    def people(self) -> Filter:
        return all_of(equals("objectClass", self.settings.people_class), present(self.settings.uid))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Of an account, without its password."""
        named = self.settings
        wanted = (named.uid, *named.mail, named.display_name, "cn", "memberOf", ENTRY_UUID)
        state = (LOCK, CHANGED, RESET, END, SHADOW_EXPIRE)
        mark = (named.disabled_attribute,) if named.disabled_attribute else ()
        return tuple(dict.fromkeys((*wanted, *state, *mark)))

    def is_marked(self, entry: Entry) -> bool:
        """Whether the estate's own attribute says that it is disabled."""
        if not self.settings.disabled_attribute:
            return False
        wanted = self.settings.disabled_value.lower()
        return any(v.lower() == wanted for v in entry.texts(self.settings.disabled_attribute))

    def is_enabled(self, entry: Entry) -> bool:
        closed = any(value.startswith(CLOSED) for value in entry.texts(PASSWORD))
        return not (is_locked(entry) or self.is_marked(entry) or closed)

    def account(self, entry: Entry, groups: Iterable[str] = ()) -> Account:
        """Raises `RemoteProtocolError` where the entry lacks its id or its name."""
        named = self.settings
        uid = entry.text(named.uid)
        addresses = tuple(dict.fromkeys(a for name in named.mail for a in entry.texts(name) if a))
        try:
            account_id = str(uuid.UUID(entry.text(ENTRY_UUID)))
        except ValueError:
            account_id = ""
        if not account_id or not uid:
            text = f"an account is shown without {named.uid if account_id else ENTRY_UUID}"
            raise RemoteProtocolError(text, system=self.name)
        return Account(
            id=account_id,
            directory=self.name,
            dn=entry.dn,
            sam=uid,
            upn=addresses[0] if addresses else f"{uid}@{self.domain}",
            domain=self.domain,
            dns_domain=self.domain,
            addresses=addresses,
            groups=tuple(sorted({*entry.texts("memberOf"), *groups})),
            enabled=self.is_enabled(entry),
            display_name=entry.text(named.display_name) or entry.text("cn"),
        )

    def presence(self, entry: Entry, groups: Iterable[str] = ()) -> Presence:
        return Presence(
            account=self.account(entry, groups),
            expires_at=expiry_of(entry),
            must_change_password=entry.text(RESET).upper() == "TRUE",
            password_set=entry.text(CHANGED),
        )


def domain_of(base_dn: str) -> str:
    """`ou=x,dc=corp,dc=example` -> `corp.example` (RFC 2247)."""
    parts = [part.strip().partition("=") for part in base_dn.split(",")]
    return ".".join(value.strip() for name, _, value in parts if name.strip().lower() == "dc")


def is_locked(entry: Entry) -> bool:
    return entry.text(LOCK) == LOCKED


def expiry_of(entry: Entry) -> datetime | None:
    """The earlier of pwdEndTime and shadowExpire (RFC 2307 section 5.2: days since 1970).

    0 and less mean none (shadow(5)); what is no number and no time says nothing.
    """
    ends = [generalized_time(entry.text(END))]
    days = entry.text(SHADOW_EXPIRE)
    if days.isascii() and days.isdigit() and 0 < int(days) < 2_900_000:
        ends.append(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(days)))
    return min((end for end in ends if end is not None), default=None)


def generalized_time(text: str) -> datetime | None:
    """In UTC, with or without a fraction (RFC 4517 section 3.3.13); None for anything else."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or not (whole + fraction).isascii() or len(whole) not in (10, 12, 14):
        return None
    try:
        at = datetime.strptime(whole.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return at + timedelta(microseconds=int(fraction[:6].ljust(6, "0")) if fraction else 0)
    except ValueError:
        return None


Above = dict[frozenset[str], tuple[str, ...]]
"""Direct groups -> all of them; most people share theirs with many others."""


async def groups_of(
    servers: Servers[Port], shape: Shape, entry: Entry, above: Above | None = None
) -> tuple[str, ...]:
    """Distinguished names of all groups, the groups of groups included, level by level.

    Asked for even where `memberOf` names some: without its overlay that may be old.
    """
    known: Above = {} if above is None else above
    found = await servers.on_first(partial(_holding, shape=shape, members=[entry.dn]))
    named = entry.texts("memberOf") if shape.settings.groups_by == "memberof" else ()
    direct = frozenset((*named, *(group.dn for group in found)))
    if direct not in known:
        known[direct] = await _all_above(servers, shape, direct)
    return known[direct]


async def _all_above(
    servers: Servers[Port], shape: Shape, direct: frozenset[str]
) -> tuple[str, ...]:
    groups, level = set(direct), set(direct)
    while level:
        found = await servers.on_first(partial(_holding, shape=shape, members=sorted(level)))
        level = {group.dn for group in found} - groups
        groups |= level
    return tuple(sorted(groups))


async def _holding(port: Port, *, shape: Shape, members: Sequence[str]) -> list[Entry]:
    found: list[Entry] = []
    for at in range(0, len(members), _GROUPS_AT_ONCE):
        few = members[at : at + _GROUPS_AT_ONCE]
        what = any_of(*(equals(shape.settings.group_member, dn) for dn in few))
        found += await port.search(shape.base, SUBTREE, what, ["1.1"])
    return found


async def find_entry(servers: Servers[Port], shape: Shape, account_id: str) -> Entry | None:
    """The account's entry by its entryUUID; None where there is none."""
    what = all_of(shape.people, equals(ENTRY_UUID, account_id))
    found = await servers.on_first(
        lambda port: port.search(shape.base, SUBTREE, what, shape.attributes)
    )
    if len(found) > 1:
        text = f"{len(found)} entries have the {ENTRY_UUID} {account_id}"
        raise RemoteProtocolError(text, system=shape.name)
    return found[0] if found else None


async def read_account(servers: Servers[Port], shape: Shape, account_id: str) -> Account:
    """Read by entryUUID. Raises `AccountUnknown` where it is gone, or is no person's account."""
    try:
        canonical = str(uuid.UUID(account_id))
    except ValueError as error:
        raise AccountUnknown(f"{account_id!r} is no {ENTRY_UUID}") from error
    entry = await find_entry(servers, shape, canonical)
    if entry is None:
        raise AccountUnknown(f"no account of {shape.name} has the id {account_id}")
    return shape.account(entry, await groups_of(servers, shape, entry))
