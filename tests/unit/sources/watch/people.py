# SPDX-License-Identifier: Apache-2.0
"""Records as a directory would show them."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import structs

from evict.core.account import Account
from evict.core.presence import Presence

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def somebody(name: str = "bob", **account: object) -> Presence:
    made = Account(
        id=f"id-{name}",
        directory="directory",
        dn=f"CN={name},OU=People,DC=corp,DC=test",
        sam=name,
        upn=f"{name}@corp.test",
        domain="CORP",
        dns_domain="corp.test",
        addresses=(f"{name}.mail@corp.test",),
    )
    return Presence(account=structs.replace(made, **account), password_set="1")


def deleted(presence: Presence) -> Presence:
    """The tombstone that is left of somebody."""
    bare = structs.replace(
        presence.account, upn=f"{presence.account.sam}@corp.test", addresses=(), enabled=True
    )
    return structs.replace(presence, account=bare, deleted=True)
