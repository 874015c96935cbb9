# SPDX-License-Identifier: Apache-2.0
"""An account, an order and a section that several tests share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evict.config.model import DovecotHook, DovecotSection
from evict.core.account import Account
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.systems.base import Order, Passwords
from evict.systems.dovecot.settings import Settings, parse

RECORDED = Path(__file__).with_name("recorded")
ALICE = Account(
    id="0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10",
    directory="directory",
    dn="CN=alice,DC=corp,DC=test",
    sam="alice",
    upn="alice@corp.test",
    domain="CORP",
    dns_domain="corp.test",
    addresses=("alice@corp.test", "a.smith@corp.test"),
)
PASSWORDS = Passwords(first=Secret("first"), second=Secret("second"))
HOOK = DovecotHook(listen="192.0.2.1:10042", api_key_file=Path("/etc/evict/policy.key"))


def order() -> Order:
    forms = login_forms(ALICE, ["%Ln"])
    return Order(generation=1, commit_at=datetime.now(UTC), forms=forms)


def section(
    url: str = "http://127.0.0.1:9/doveadm/v1",
    *,
    hook: DovecotHook | None = HOOK,
    gssapi: bool = True,
    pop3_port: int | None = 995,
    config_file: str = "/etc/dovecot/dovecot.conf",
) -> DovecotSection:
    return DovecotSection(
        doveadm_url=url,
        api_key_file=Path("/etc/evict/doveadm.key"),
        host="mail.corp.test",
        username_format="%Ln",
        gssapi=gssapi,
        pop3_port=pop3_port,
        master_user="witness",
        master_separator="*",
        config_file=Path(config_file),
        hook=hook,
    )


def recorded(**changes: str) -> Settings:
    """What doveconf of Dovecot 2.3.19 printed for a user without rights, with some changes."""
    read = parse((RECORDED / "doveconf-2.3.19.txt").read_text())
    read.values.update(changes)
    return read
