# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from evict.config.exchange import ExchangeSection, ExchangeServer
from evict.core.account import Account
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.systems.base import Order, Passwords
from evict.systems.exchange.access import Served
from evict.systems.exchange.inventory import Inventory
from evict.systems.exchange.objects import SELF, Ace, Features, Mailbox
from evict.systems.exchange.versions import FLAGS, has

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
NOTHING = Passwords(first=Secret("Ev1-first"), second=Secret("Ev1-second"))
RIGHTS = ("FullAccess", "ReadPermission")

ANN = Account(
    id="0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10",
    directory="directory",
    dn="CN=Ann Leaver,CN=Users,DC=corp,DC=example",
    sam="ann",
    upn="ann@corp.example",
    domain="CORP",
    dns_domain="corp.example",
    addresses=("ann@corp.example",),
)


def section(version: str = "2019", **more: Any) -> ExchangeSection:
    """Two servers with a shell each, unless `more` says otherwise."""
    settings: dict[str, Any] = {
        "version": version,
        "shell_url": "https://ex01.corp.example/PowerShell",
        "bind_user": "svc-evict@corp.example",
        "password_file": Path("/nowhere"),
        "servers": (
            ExchangeServer(
                name="ex01",
                host="127.0.0.1",
                shell_url="https://ex01.corp.example:5986/wsman",
                imap_port=993,
                pop3_port=995,
                submission_port=587,
            ),
            ExchangeServer(
                name="ex02",
                host="127.0.0.2",
                shell_url="https://ex02.corp.example:5986/wsman",
                imap_port=993,
            ),
        ),
    }
    return ExchangeSection(**{**settings, **more})


def order(**more: Any) -> Order:
    settings: dict[str, Any] = {"generation": 1, "commit_at": AT, "forms": login_forms(ANN)}
    return Order(**{**settings, **more})


MAILBOX = Mailbox(
    identity="corp.example/Users/Ann Leaver",
    guid=ANN.id,
    display_name="Ann Leaver",
    database="DB01",
    names=frozenset({"ann@corp.example", "corp.example/users/ann leaver"}),
    upn=ANN.upn,
)


def features(version: str = "2019", **more: Any) -> Features:
    """Everything on, as a new mailbox has it; EwsEnabled is the organisation's."""
    flags: dict[str, bool | None] = {
        name: not shut for name, shut in FLAGS.items() if has(version, "Set-CASMailbox", name)
    }
    flags["EwsEnabled"] = None
    return structs.replace(Features(flags=flags), **more)


def shut_features(**more: Any) -> Features:
    return structs.replace(Features(flags=dict(FLAGS)), **more)


def inventory(**more: Any) -> Inventory:
    """A mailbox with nothing but its switches and its owner."""
    settings: dict[str, Any] = {
        "mailbox": MAILBOX,
        "features": features(),
        "permissions": (Ace(user=SELF, rights=RIGHTS),),
    }
    return Inventory(**{**settings, **more})


def served(protocol: str = "owa", **more: Any) -> Served:
    settings: dict[str, Any] = {
        "server": "ex01",
        "protocol": protocol,
        "count": 3,
        "last_at": AT,
        "people": 17,
    }
    return Served(**{**settings, **more})
