# SPDX-License-Identifier: Apache-2.0
"""A directory server with somebody in between, who changes its answers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyldap.protocols import pureldap

from evict.config.model import DirectorySection
from evict.config.watch import WatchSection
from evict.core.presence import Presence
from evict.core.secret import Secret
from evict.lab.certificates import Authority
from evict.lab.ldap import codec
from evict.lab.ldap.server import LdapServer
from evict.lab.model.directory import DirectoryAccount
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.active_directory.watch.watch import ActiveDirectoryWatch
from evict.systems.ldap import messages
from evict.systems.ldap.target import Timeouts
from tests.unit.lab.ldap.places import HOST, SERVICE_PASSWORD, Clock

BASE = "DC=corp,DC=test"
PEOPLE = 20
Answer = pureldap.LDAPMessage
Alter = Callable[[Answer, Answer], "list[Answer] | None"]
"""Of a request and one answer to it: what is said instead; None: the connection ends."""


def honest(_: Answer, answer: Answer) -> list[Answer] | None:
    return [answer]


@dataclass
class Liar:
    """Speaks LDAPS, and asks a server in clear behind it."""

    host: str
    behind: tuple[str, int]
    alter: Alter = honest
    port: int = 0
    requests: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        back_reader, back_writer = await asyncio.open_connection(*self.behind)
        self._open |= {writer, back_writer}
        try:
            with contextlib.suppress(OSError, EOFError):
                while await self._turn((reader, writer), (back_reader, back_writer)):
                    pass
        finally:
            self._open -= {writer, back_writer}
            writer.transport.abort()
            back_writer.transport.abort()

    async def _turn(
        self,
        front: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        back: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> bool:
        octets = await frame_of(front[0])
        request = codec.decode(octets)
        self.requests += 1
        back[1].write(octets)
        if isinstance(request.value, pureldap.LDAPUnbindRequest):
            return False
        while True:
            answer = messages.decode(await frame_of(back[0]))
            instead = self.alter(request, answer)
            if instead is None:
                await front[1].drain()
                return False
            for each in instead:
                front[1].write(each.toWire())
            if isinstance(answer.value, pureldap.LDAPResult):
                await front[1].drain()
                return True


async def frame_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size = head[1]
    if size & 0x80:
        extra = await reader.readexactly(size & 0x7F)
        head += extra
        size = int.from_bytes(extra, "big")
    return head + await reader.readexactly(size)


@dataclass
class Scene:
    organisation: Organisation
    server: LdapServer
    liar: Liar
    authority: Authority
    ca_file: Path
    directory: ActiveDirectory
    watch: ActiveDirectoryWatch

    @property
    def somebody(self) -> DirectoryAccount:
        return self.organisation.directory.accounts["person-3"]

    async def everybody(self) -> tuple[list[Presence], bytes]:
        """Read to the end."""
        seen: list[Presence] = []
        position = b""
        async for glimpse in self.watch.everybody():
            seen += glimpse.presences
            position = glimpse.position
        return seen, position


def directory_of(
    ca_file: Path, servers: Sequence[str], *, domain: str = "corp.test"
) -> ActiveDirectory:
    section = DirectorySection(
        servers=tuple(servers),
        base_dn=BASE,
        bind_user=f"svc-evict@{domain}",
        password_file=Path("/nowhere"),
        ca_file=ca_file,
    )
    quick = Timeouts(connect_s=1.0, answer_s=1.0)
    return ActiveDirectory(section, Secret(SERVICE_PASSWORD), timeouts=quick)


def people(domain: str = "corp.test") -> Organisation:
    organisation = Organisation(Profile(Version.V2019), Clock(), domain=domain, netbios="CORP")
    organisation.directory.add("svc-evict", "svc-evict", SERVICE_PASSWORD)
    for number in range(PEOPLE):
        organisation.directory.add(f"person-{number}", f"Person {number}", "Some-Pass-1")
    return organisation


@asynccontextmanager
async def scene(
    tmp_path: Path, host: str, *, rules: WatchSection | None = None, domain: str = "corp.test"
) -> AsyncIterator[Scene]:
    """A directory of twenty people, its liar (who is honest at first), and a watch over it."""
    organisation, authority = people(domain), Authority()
    server = LdapServer(organisation, HOST)
    plain = await server.start(host, 0, None)
    liar = Liar(host, (host, plain))
    await liar.start(authority.server_context(host))
    ca_file = tmp_path / "ca.pem"
    authority.write_ca(ca_file)
    directory = directory_of(ca_file, [f"{host}:{liar.port}"], domain=domain)
    watch = directory.watch(rules or WatchSection())
    try:
        yield Scene(organisation, server, liar, authority, ca_file, directory, watch)
    finally:
        await watch.close()
        await directory.close()
        await liar.stop()
        await server.stop()
