# SPDX-License-Identifier: Apache-2.0
"""Certificates for fake domain controllers, and a connector that knows them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trustme

from evict.config.model import DirectorySection
from evict.core.account import Account
from evict.core.secret import Secret
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.ldap.target import Timeouts
from tests.contract.fake_controller import EVICT_DN, EVICT_PASSWORD, FakeController
from tests.contract.fake_entries import BASE_DN, Store

QUICK = Timeouts(connect_s=0.5, answer_s=0.5)


class Authority:
    """A CA of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def context(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*names, not_after=not_after).configure_cert(context)
        return context


def section(ca_file: Path, servers: Sequence[str], **other: str) -> DirectorySection:
    return DirectorySection(
        servers=tuple(servers),
        base_dn=BASE_DN,
        bind_user=other.pop("bind_user", EVICT_DN),
        password_file=Path("/nowhere"),
        ca_file=ca_file,
        realm="CORP.TEST",
        server_name=other.pop("server_name", None),
    )


def directory_of(ca_file: Path, servers: Sequence[FakeController], **other: str) -> ActiveDirectory:
    """A connector with short waits; `password` and fields of the section may be told."""
    password = Secret(other.pop("password", EVICT_PASSWORD))
    names = [f"{server.host}:{server.port}" for server in servers]
    return ActiveDirectory(section(ca_file, names, **other), password, timeouts=QUICK)


@asynccontextmanager
async def running(authority: Authority, *stores: Store) -> AsyncIterator[list[FakeController]]:
    """One fake domain controller a store."""
    servers = [FakeController(store=store) for store in stores]
    for server in servers:
        await server.start(authority.context(server.host))
    try:
        yield servers
    finally:
        for server in servers:
            await server.stop()


@dataclass
class FakeTown:
    """See `directory_contract.Town`. Its two groups are members of each other: no loop may hang."""

    directory: ActiveDirectory
    store: Store
    outer_group: str = "Outer"
    inner_group: str = f"CN=Inner,{BASE_DN}"

    def __post_init__(self) -> None:
        outer = f"CN=Outer,{BASE_DN}"
        self.store.put(outer, distinguishedName=outer, memberOf=self.inner_group)
        self.store.put(self.inner_group, distinguishedName=self.inner_group, memberOf=outer)

    async def person(
        self, stem: str, *, addresses: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> str:
        sam = f"{stem}-x"
        proxies = [f"smtp:{address.format(s='-x')}" for address in addresses]
        mail = () if proxies else (f"{sam}@corp.test",)
        self.store.person(sam, "Old-Pass-1", mail=mail, proxyAddresses=proxies, memberOf=groups)
        return sam

    async def bind(self, account: Account, password: Secret) -> str:
        return self.store.bind(account.dn, password.reveal())

    async def set_bits(self, account: Account, bits: int) -> None:
        self.store.put(account.dn, userAccountControl=str(bits))
