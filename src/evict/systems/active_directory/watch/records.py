# SPDX-License-Identifier: Apache-2.0
"""From a whole entry to a presence. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import structs

from evict.core.account import Account
from evict.core.presence import Presence
from evict.systems.active_directory import reading
from evict.systems.active_directory.controllers import Domain
from evict.systems.active_directory.reading import account_of
from evict.systems.ldap import filters
from evict.systems.ldap.messages import Entry

ATTRIBUTES: Final = (
    *reading.ATTRIBUTES,
    "accountExpires",
    "pwdLastSet",
    "isDeleted",
    "lastKnownParent",
    "sAMAccountType",
    "objectClass",
)
"""Of one record; everything that `Presence` is made from."""

WATCHED: Final = (
    "name",
    "parentGUID",
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "proxyAddresses",
    "displayName",
    "userAccountControl",
    "adminCount",
    "primaryGroupID",
    "accountExpires",
    "pwdLastSet",
    "isDeleted",
    "member",
)
"""Whose change is a change. A move shows in `name` and `parentGUID` alone; memberships stand at
the group (`member`), so that `memberOf` of an account never changes by itself
(MS-ADTS 3.1.1.1.6, back links)."""

GROUPS: Final = filters.equals("objectClass", "group")
TOMBSTONES: Final = filters.all_of(
    filters.equals("isDeleted", "TRUE"), filters.equals("objectClass", "user")
)
"""A tombstone keeps objectClass and sAMAccountName, and loses sAMAccountType
(MS-ADTS 3.1.1.5.5.1.1)."""
ANYBODY: Final = filters.any_of(reading.PEOPLE, GROUPS, TOMBSTONES)

_PERSON: Final = "805306368"
_FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER: Final = 0x7FFFFFFFFFFFFFFF
_LAST: Final = (datetime(9999, 1, 1, tzinfo=UTC) - _FILETIME_EPOCH) // timedelta(microseconds=1)


def is_group(entry: Entry) -> bool:
    return "group" in entry.texts("objectClass")


def is_deleted(entry: Entry) -> bool:
    return entry.text("isDeleted") == "TRUE"


def is_person(entry: Entry) -> bool:
    """A person's account, or what is left of one. A computer is a `user` too, by its classes."""
    if not is_deleted(entry):
        return entry.text("sAMAccountType") == _PERSON
    classes = entry.texts("objectClass")
    return "user" in classes and "computer" not in classes


def where(entry: Entry) -> str:
    """The DN; of a tombstone the one it had, as far as it is kept."""
    if not is_deleted(entry):
        return entry.dn
    rdn = entry.dn.partition("\\0ADEL:")[0]
    parent = entry.text("lastKnownParent")
    return f"{rdn},{parent}" if parent and "\\0ADEL:" not in parent else ""


def is_whole(entry: Entry) -> bool:
    """Whether the service account is shown what tells a leaver from anybody else."""
    if not entry.raw("objectGUID"):
        return False
    return is_deleted(entry) or bool(
        entry.raw("sAMAccountName") and entry.raw("userAccountControl")
    )


def presence_of(
    entry: Entry, domain: Domain, *, directory: str, groups: Sequence[str] = ()
) -> Presence:
    """Raises `Malformed` where a number is none."""
    account = account_of(entry, domain, directory=directory, groups=groups)
    deleted = is_deleted(entry)
    if deleted:
        account = _as_it_was(account, entry)
    changed = entry.text("pwdLastSet")
    return Presence(
        account=account,
        deleted=deleted,
        expires_at=expiry(entry.number("accountExpires")),
        must_change_password=not deleted and changed == "0",
        password_set=changed,
    )


def _as_it_was(account: Account, entry: Entry) -> Account:
    sam = account.sam
    return structs.replace(
        account, dn=where(entry) or entry.dn, upn=account.upn if sam else "", enabled=False
    )


def expiry(ticks: int) -> datetime | None:
    """accountExpires, in 100 ns since 1601; None: never (MS-ADA1 2.1).

    One below 0 is no instant, and can be written: it says nothing.
    """
    if ticks <= 0 or ticks == _NEVER or ticks // 10 >= _LAST:
        return None
    return _FILETIME_EPOCH + timedelta(microseconds=ticks // 10)
