# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime

from evict.config.sogo import SogoSection
from evict.core.account import Account
from evict.systems.base import Order
from evict.systems.sogo.inventory import (
    Device,
    External,
    Forward,
    Identity,
    Inventory,
    Profile,
    Share,
    Shares,
)

FORWARD = '{"forwardAddress":["x@elsewhere.example"],"enabled":1,"keepCopy":1}'

ALICE = Account(
    id="0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10",
    directory="directory",
    dn="CN=alice,OU=People,DC=corp,DC=test",
    sam="Alice",
    upn="alice@corp.test",
    domain="CORP",
    dns_domain="corp.test",
    addresses=("alice@corp.test", "info@corp.test"),
)
ORDER = Order(generation=1, commit_at=datetime(2026, 11, 24, tzinfo=UTC), forms=("alice",))


def section(**more: object) -> SogoSection:
    return SogoSection(url="https://mail.corp.test", **more)  # type: ignore[arg-type] # settings by name


def share(path: str, holder: str, *roles: str, folder: int | None = None) -> Share:
    return Share(table="sogo_acl", object=path, folder=folder, holder=holder, roles=roles)


FULL = Inventory(
    cached=(b"ALICE+attributes",),
    profile=Profile(
        uid="Alice",
        forward=Forward(text=FORWARD, enabled=True, addresses=("x@elsewhere.example",)),
        vacation=True,
        externals=(External(name="Home", server="imap.home.example", user="me"),),
        delegates=("bob",),
        delegates_text='["bob"]',
    ),
    identities=(Identity(owner="carol", text='["alice", "bob"]', holder="alice"),),
    shares=Shares(
        elsewhere=(share("/bob/Calendar/personal", "alice", "PublicViewer", folder=7),),
        own=(
            share("/Alice/Calendar/personal", "anonymous", "PublicViewer"),
            share("/Alice/Calendar/personal", "<default>", "PublicDAndTViewer"),
            share("/Alice/Contacts/personal", "bob", "ObjectEditor"),
        ),
        searched=1,
    ),
    devices=(Device(id="PHONE1", table="sogo_cache_folder_alice", uid="Alice", combined=False),),
    sessions=5,
)
