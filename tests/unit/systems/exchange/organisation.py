# SPDX-License-Identifier: Apache-2.0
"""A small organisation that listens: the lab's model and cmdlets behind its remote shells."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evict.config.exchange import ExchangeSection, ExchangeServer
from evict.core.account import Account
from evict.core.secret import Secret
from evict.lab.certificates import Authority
from evict.lab.cmdlets.registry import exchange_registry, server_registry
from evict.lab.http.auth import Negotiator
from evict.lab.http.server import HttpServer
from evict.lab.model.mailbox import InboxRule, MobileDevice
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.model.words import Protocol
from evict.lab.psrp.site import EXCHANGE, SERVER, PowerShellSite
from evict.systems.exchange.connector import ExchangeConnector
from evict.systems.exchange.port import Timeouts

ADMIN, ADMIN_PASSWORD = "svc-evict", "Adm1n-password"
PASSWORD = "Leaver-1"
NOON = 1_795_000_000.0


@dataclass
class Clock:
    """Moved by a test alone."""

    seconds: float = 0.0

    def now(self) -> float:
        return NOON + self.seconds


@dataclass
class Running:
    """An organisation, its shells, and a connector's settings for it."""

    organisation: Organisation
    address: str
    ca: Path
    clock: Clock
    ports: dict[str, int] = field(default_factory=dict)
    sites: list[PowerShellSite] = field(default_factory=list)
    servers: list[HttpServer] = field(default_factory=list)

    def request(self, sam: str, server: str = "ex01", status: int = 200) -> None:
        """One request at OWA that the server's log keeps."""
        self.clock.seconds += 1
        self.organisation.log(server, Protocol.OWA, sam, status, url="/owa/")

    def section(self, **more: Any) -> ExchangeSection:
        settings: dict[str, Any] = {
            "version": str(self.organisation.profile.version),
            "shell_url": f"https://{self.address}:{self.ports['']}/PowerShell",
            "bind_user": f"CORP\\{ADMIN}",
            "password_file": Path("/nowhere"),
            "authentication": "basic",
            "ca_file": self.ca,
            "servers": tuple(
                ExchangeServer(
                    name=name,
                    host=self.address,
                    shell_url=f"https://{self.address}:{self.ports[name]}/wsman",
                )
                for name in self.organisation.servers
            ),
        }
        return ExchangeSection(**{**settings, **more})

    def connector(self, password: str = ADMIN_PASSWORD, **more: Any) -> ExchangeConnector:
        timeouts = Timeouts(connect=2, answer=10, operation=2)
        return ExchangeConnector(self.section(**more), Secret(password), timeouts=timeouts)

    def account(self, sam: str = "ann") -> Account:
        held = self.organisation.directory.get(sam)
        return Account(
            id=held.guid,
            directory="directory",
            dn=held.dn,
            sam=held.sam,
            upn=held.upn,
            domain="CORP",
            dns_domain="corp.example",
            addresses=tuple(held.addresses),
            display_name=held.display_name,
        )


def populate(organisation: Organisation) -> None:
    """A leaver with everything that leads out, a manager, some others, and the service account."""
    organisation.add_person("ann", "Ann Leaver", PASSWORD, "DB01")
    for sam, name in (("bob", "Bob Manager"), ("cay", "Cay Other"), ("dan", "Dan Other")):
        organisation.add_person(sam, name, f"{sam}-Passw0rd", "DB02")
    organisation.directory.add(
        ADMIN, "Evict", ADMIN_PASSWORD, ["Organization Management", "Administrators"]
    )
    ann, bob, cay = (organisation.mailboxes[s] for s in ("ann", "bob", "cay"))
    ann.forwarding_smtp_address = "ann@home.example"
    ann.deliver_and_forward = True
    ann.rules = [
        InboxRule(identity="101", name="copy home", forward_to=("ann@home.example",)),
        InboxRule(identity="102", name="sorted", delete=False),
        InboxRule(identity="103", name="unseen", hidden=True, redirect_to=("ann@home.example",)),
    ]
    ann.devices["PHONE1"] = MobileDevice("PHONE1", "iPhone", "Apple", NOON, NOON)
    ann.calendar.enabled = True
    ann.calendar.url = "http://mail.corp.example/owa/calendar/x/calendar.html"
    admin = organisation.admin
    admin.add_permission("ann", "CORP\\bob", ("FullAccess",))
    admin.add_permission("bob", "CORP\\ann", ("FullAccess",))
    bob.send_as.append("ann")
    cay.send_on_behalf.append("ann")
    cay.folder_permissions["Calendar"] = {"ann": ("Editor",)}


@asynccontextmanager
async def running(
    version: str, folder: Path, *, groups: tuple[str, ...] | None = None
) -> AsyncIterator[Running]:
    """One organisation of `version`. `groups`: of the service account."""
    address = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
    authority = Authority()
    authority.write_ca(folder / "ca.pem")
    clock = Clock()
    organisation = Organisation(Profile(Version(version)), clock.now)
    run = Running(organisation, address, folder / "ca.pem", clock)
    populate(organisation)
    if groups is not None:
        organisation.directory.get(ADMIN).groups = list(groups)
    try:
        await _listen(run, "", EXCHANGE, authority)
        for name in organisation.servers:
            await _listen(run, name, SERVER, authority)
        yield run
    finally:
        for site in run.sites:
            await site.close()
        for server in run.servers:
            await server.stop(grace_s=0.2)


async def _listen(run: Running, name: str, configuration: str, authority: Authority) -> None:
    organisation = run.organisation

    def authorise(user: str, password: str) -> str | None:
        account = organisation.directory.find(user)
        good = account is not None and account.enabled and account.password == password
        return account.sam if good and account else None

    def admit(user: str, password: str | None) -> str | None:
        return None if password is None else authorise(user, password)

    def passwords(user: str) -> list[str]:
        account = organisation.directory.find(user)
        return [account.password] if account is not None else []

    registry = server_registry(organisation, name) if name else exchange_registry(organisation)
    site = PowerShellSite(
        lambda _: registry,
        authorise,
        Negotiator(passwords, admit),
        configuration=configuration,
        server_name=f"{name or 'ex01'}.corp.example",
    )
    server = HttpServer()
    server.route(site.path, site)
    run.ports[name] = await server.start(run.address, 0, authority.server_context(run.address))
    run.ports[f"{name}/http"] = await server.start(run.address, 0)
    run.sites.append(site)
    run.servers.append(server)
