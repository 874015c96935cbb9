# SPDX-License-Identifier: Apache-2.0
"""An Exchange shell whose callers come with tickets of Samba's KDC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from estate.commands import run
from estate.layout import DNS_DOMAIN, DOMAIN, EVICT_PASSWORD, REALM, Layout
from evict.core.secret import Secret
from evict.lab.certificates import Authority
from evict.lab.cmdlets.registry import exchange_registry
from evict.lab.http.auth import Negotiator
from evict.lab.http.server import HttpServer
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.psrp.site import EXCHANGE, PowerShellSite
from evict.systems.exchange.port import ShellAccess, Timeouts

EXCHANGE_HOST: Final = "ex01.corp.test"
OTHER_HOST: Final = "ex02.corp.test"
"""Its name leads to the same address; the KDC knows no service of that name."""
EVICT: Final = "svc-evict"
_NOON: Final = 1_795_000_000.0


class Exchange(Struct, frozen=True, kw_only=True):
    """One that listens.

    Attributes:
        callers: who came in, by principal and the password shown, None for a ticket.
    """

    organisation: Organisation
    ca: Path
    http: int
    https: int
    callers: list[tuple[str, str | None]]

    def access(
        self, *, tls: bool, password: str = EVICT_PASSWORD, host: str = EXCHANGE_HOST
    ) -> ShellAccess:
        scheme, port = ("https", self.https) if tls else ("http", self.http)
        return ShellAccess(
            system="exchange",
            version="2019",
            url=f"{scheme}://{host}:{port}/PowerShell",
            configuration=EXCHANGE,
            user=f"{EVICT}@{REALM}",
            password=Secret(password),
            authentication="kerberos",
            ca_file=self.ca,
            timeouts=Timeouts(connect=5, answer=20, operation=2),
        )


def make_service(layout: Layout, sam: str, spn: str, keytab: Path) -> None:
    """An account that answers to `spn`, and its keys in `keytab`."""
    url = f"--URL={layout.sam}"
    run("samba-tool", "user", "create", sam, "--random-password", url, "-s", layout.smb_conf)
    run("samba-tool", "spn", "add", spn, sam, url, "-s", layout.smb_conf)
    run(
        *("samba-tool", "domain", "exportkeytab", keytab, "-s", layout.smb_conf),
        f"--principal={spn}",
    )


@asynccontextmanager
async def listening(ip: str, keytab: Path, folder: Path) -> AsyncIterator[Exchange]:
    authority = Authority()
    authority.write_ca(folder / "ca.pem")
    organisation = Organisation(
        Profile(Version("2019")), lambda: _NOON, domain=DNS_DOMAIN, netbios=DOMAIN
    )
    organisation.add_person("ann", "Ann Leaver", "Leaver-1", "DB01")
    organisation.directory.add(EVICT, "Evict", "never-used-1", ["Organization Management"])
    callers: list[tuple[str, str | None]] = []

    def admit(name: str, password: str | None) -> str | None:
        callers.append((name, password))
        sam, _, realm = name.partition("@")
        account = organisation.directory.find(sam)
        good = password is None and realm == REALM and account is not None and account.enabled
        return account.sam if good and account else None

    registry = exchange_registry(organisation)
    site = PowerShellSite(
        lambda _: registry,
        None,
        Negotiator(lambda _: [], admit, schemes=("Negotiate",), keytab=keytab),
        server_name=EXCHANGE_HOST,
    )
    server = HttpServer()
    server.route(site.path, site)
    names = authority.server_context(EXCHANGE_HOST, OTHER_HOST)
    try:
        yield Exchange(
            organisation=organisation,
            ca=folder / "ca.pem",
            http=await server.start(ip, 0),
            https=await server.start(ip, 0, names),
            callers=callers,
        )
    finally:
        await site.close()
        await server.stop(grace_s=0.2)
