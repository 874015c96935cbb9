# SPDX-License-Identifier: Apache-2.0
"""From a directory entry to an account."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Final

from evict.core.account import Account
from evict.core.errors import AccountUnknown
from evict.systems.active_directory.controllers import Controllers, Domain
from evict.systems.active_directory.port import Port
from evict.systems.ldap import filters
from evict.systems.ldap.messages import BASE, SUBTREE, Entry

ACCOUNT_DISABLED: Final = 0x2
PASSWORD_NEVER_EXPIRES: Final = 0x10000
"""ADS_UF_ACCOUNT_DISABLE and ADS_UF_DONT_EXPIRE_PASSWD of userAccountControl (MS-ADTS 2.2.16)."""

PEOPLE: Final = filters.equals("sAMAccountType", "805306368")
"""SAM_NORMAL_USER_ACCOUNT (MS-SAMR 2.2.1.9): neither computers, trusts, groups nor contacts."""

ATTRIBUTES: Final = (
    "objectGUID",
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "proxyAddresses",
    "displayName",
    "userAccountControl",
    "adminCount",
    "primaryGroupID",
    "memberOf",
)


def guid_text(raw: bytes) -> str:
    """The text form of an objectGUID: its first three fields are little-endian.

    Spec: MS-DTYP 2.3.4.2 (packet) and 2.3.4.3 (curly braced text; here without braces).
    """
    return str(uuid.UUID(bytes_le=raw))


def guid_dn(account_id: str) -> str:
    """A name of the object that no rename or move breaks (MS-ADTS 3.1.1.3.1.2.4)."""
    return f"<GUID={uuid.UUID(account_id)}>"


def account_of(
    entry: Entry, domain: Domain, *, directory: str, groups: Sequence[str] = ()
) -> Account:
    sam = entry.text("sAMAccountName")
    return Account(
        id=guid_text(entry.raw("objectGUID")),
        directory=directory,
        dn=entry.dn,
        sam=sam,
        upn=entry.text("userPrincipalName") or f"{sam}@{domain.dns_domain}",
        domain=domain.netbios,
        dns_domain=domain.dns_domain,
        addresses=_addresses(entry),
        groups=tuple(groups),
        enabled=not entry.number("userAccountControl") & ACCOUNT_DISABLED,
        admin_count=entry.number("adminCount") == 1,
        display_name=entry.text("displayName"),
    )


def _addresses(entry: Entry) -> tuple[str, ...]:
    """SMTP addresses, primary first: `SMTP:` in capitals marks it (MS-OXOABK 2.2.3.23)."""
    proxies = entry.texts("proxyAddresses")
    primary = [p[5:] for p in proxies if p.startswith("SMTP:")]
    others = [p[5:] for p in proxies if p[:5].lower() == "smtp:" and not p.startswith("SMTP:")]
    return tuple(dict.fromkeys(a for a in (*primary, *entry.texts("mail"), *others) if a))


async def groups_of(controllers: Controllers, entry: Entry) -> tuple[str, ...]:
    """Distinguished names of all groups: direct, nested, and through the primary group.

    Membership through the primary group stands in no `memberOf` (MS-ADTS 3.1.1.4.5.19). Walked
    level by level over an index. Quirk: Samba 4.17 takes 30 to 100 ms for the same over
    LDAP_MATCHING_RULE_IN_CHAIN with 38 groups in the domain, and looks at each of them.
    """
    domain = await controllers.domain()
    primary = await controllers.primary_group(entry.number("primaryGroupID"))
    level = {*entry.texts("memberOf"), primary} - {""}
    groups: set[str] = set()
    while level:
        groups |= level
        what = filters.any_of(*(filters.equals("distinguishedName", dn) for dn in sorted(level)))
        found = await controllers.on_first(
            partial(_search_groups, base=domain.naming_context, what=what)
        )
        level = {dn for group in found for dn in group.texts("memberOf")} - groups
    return tuple(sorted(groups))


async def _search_groups(port: Port, *, base: str, what: filters.Filter) -> list[Entry]:
    return await port.search(base, SUBTREE, what, ["memberOf"])


async def read_account(controllers: Controllers, account_id: str) -> Account:
    """Read by objectGUID. Raises `AccountUnknown` where it is gone, or is no person's account."""
    domain = await controllers.domain()
    try:
        base = guid_dn(account_id)
    except ValueError as error:
        raise AccountUnknown(f"{account_id!r} is no objectGUID") from error
    found = await controllers.on_first(lambda port: port.search(base, BASE, PEOPLE, ATTRIBUTES))
    if not found:
        raise AccountUnknown(f"no account of {domain.dns_domain} has the id {account_id}")
    groups = await groups_of(controllers, found[0])
    return account_of(found[0], domain, directory=controllers.system, groups=groups)
