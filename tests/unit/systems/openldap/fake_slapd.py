# SPDX-License-Identifier: Apache-2.0
"""A server that speaks LDAP and answers a watch with whatever a test wants to be told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from anyldap.protocols import pureber, pureldap

from evict.config.model import DirectorySection
from evict.config.openldap import OpenLdap
from evict.core.secret import Secret
from evict.systems.ldap import messages
from evict.systems.ldap.target import Timeouts
from evict.systems.openldap import sync
from evict.systems.openldap.connector import OpenLdapDirectory
from tests.contract.fakes import Authority

BASE_DN: Final = "dc=corp,dc=test"
ROOT: Final = "11111111-1111-1111-1111-111111111111"
CSN: Final = "20260101000000.000000Z#000000#001#000000"
COOKIE: Final = f"rid=000,csn={CSN}".encode()

Answer = tuple[pureldap.LDAPProtocolResponse, list[messages.Control]]
CUT: Final = None
"""In place of an answer: the connection ends there."""


def number(n: int) -> str:
    return str(uuid.UUID(int=n))


def person(n: int, dn: str = "", state: int = sync.ADDED, **more: str) -> Answer:
    """An entry with its sync state."""
    uid = f"p{n}"
    attributes = {"objectClass": "inetOrgPerson", "uid": uid, "entryUUID": number(n)} | more
    entry = pureldap.LDAPSearchResultEntry(
        objectName=dn or f"uid={uid},ou=people,{BASE_DN}",
        attributes=[(k.encode(), [v.encode()]) for k, v in attributes.items() if v],
    )
    value = sync.write_state(sync.State(state=state, entry=number(n)))
    return entry, [(sync.SYNC_STATE, 0, value)]


def bare(answer: Answer) -> Answer:
    """Without its controls."""
    return answer[0], []


def info(value: bytes) -> Answer:
    told = pureldap.LDAPIntermediateResponse(responseName=sync.SYNC_INFO, responseValue=value)
    return told, []


def reference() -> Answer:
    uri = pureber.BEROctetString(b"ldap://elsewhere.test/dc=far,dc=test")
    return _Reference(uri), []


class _Reference(pureldap.LDAPSearchResultReference):
    """Quirk of the codec's own: it cannot write what it reads."""

    def __init__(self, uri: pureber.BEROctetString) -> None:
        super().__init__([uri])
        self._uri = uri

    def toWire(self) -> bytes:  # noqa: N802 - the codec's protocol
        return pureber.BERSequence([self._uri], tag=self.tag).toWire()


def done(code: int = 0, cookie: bytes = COOKIE, *, deletes: bool = False) -> Answer:
    controls: list[messages.Control] = []
    if not code:
        value = sync.write_done(sync.Done(cookie=cookie, deletes=deletes))
        controls = [(sync.SYNC_DONE, 0, value)]
    return pureldap.LDAPSearchResultDone(resultCode=code), controls


class FakeSlapd:
    """Refreshes are answered with `refresh`; the base is there, and so are `people`.

    Attributes:
        refresh: answers to a refresh; `CUT` ends the connection.
        people: ids that a search by entryUUID, or for somebody at all, finds.
        cookies: what came with each refresh.
        write: the result of each write; `CUT` ends the connection without one.
        writes: how many came.
    """

    def __init__(self) -> None:
        self.refresh: Sequence[Answer | None] = [person(1), done()]
        self.people: set[int] = {1}
        self.base: str = BASE_DN
        self.csn: str = CSN
        self.cookies: list[bytes] = []
        self.write: int | None = 0
        self.writes = 0
        self.port = 0

    async def serve(self, context: ssl.SSLContext) -> asyncio.Server:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                message = await _read(reader)
                answers = self._answers(message)
                for answer in answers:
                    if answer is CUT:
                        await writer.drain()
                        writer.transport.abort()
                        return
                    value, controls = answer
                    told = pureldap.LDAPMessage(value, controls=controls or None, id=message.id)
                    writer.write(told.toWire())
                await writer.drain()
        writer.transport.abort()

    def _answers(self, message: pureldap.LDAPMessage) -> Sequence[Answer | None]:
        request = message.value
        if isinstance(request, pureldap.LDAPBindRequest):
            return [(pureldap.LDAPBindResponse(resultCode=0), [])]
        if isinstance(request, pureldap.LDAPModifyRequest | pureldap.LDAPExtendedRequest):
            self.writes += 1
            code = self.write
            return [CUT if code is None else (pureldap.LDAPModifyResponse(resultCode=code), [])]
        if isinstance(request, pureldap.LDAPSearchRequest):
            return self._found(message, request)
        return [CUT]

    def _found(
        self, message: pureldap.LDAPMessage, request: pureldap.LDAPSearchRequest
    ) -> Sequence[Answer | None]:
        asked = messages.control_of(message, sync.SYNC_REQUEST)
        if asked is not None:
            mode, cookie = sync.read_request(asked)
            if mode == sync.REFRESH_AND_PERSIST:
                return []
            self.cookies.append(cookie)
            return self.refresh
        end: Answer = (pureldap.LDAPSearchResultDone(resultCode=0), [])
        if request.scope == messages.BASE:
            return [self._root(), end] if request.baseObject == BASE_DN.encode() else [end]
        text = request.filter.toWire()
        wanted = [n for n in self.people if number(n).encode() in text]
        named = b"entryUUID" in text
        found = wanted if named else sorted(self.people)[:1]
        return [*(bare(person(n)) for n in found), end]

    def _root(self) -> Answer:
        attributes: list[tuple[bytes, list[bytes]]] = [(b"entryUUID", [ROOT.encode()])]
        attributes += [(b"contextCSN", [self.csn.encode()])] if self.csn else []
        return (
            pureldap.LDAPSearchResultEntry(objectName=self.base, attributes=attributes),
            [],
        )


async def _read(reader: asyncio.StreamReader) -> pureldap.LDAPMessage:
    head = await reader.readexactly(2)
    size = head[1]
    if size & 0x80:
        extra = await reader.readexactly(size & 0x7F)
        head += extra
        size = int.from_bytes(extra, "big")
    return messages.decode(head + await reader.readexactly(size))


@asynccontextmanager
async def fake(folder: Path) -> AsyncIterator[tuple[FakeSlapd, OpenLdapDirectory]]:
    async with fakes(folder, 1) as (servers, directory):
        yield servers[0], directory


@asynccontextmanager
async def fakes(
    folder: Path, count: int
) -> AsyncIterator[tuple[list[FakeSlapd], OpenLdapDirectory]]:
    """Several servers of one directory, and the connector with short waits."""
    authority, servers = Authority(folder), [FakeSlapd() for _ in range(count)]
    listening = [await server.serve(authority.context("127.0.0.1")) for server in servers]
    section = DirectorySection(
        product="openldap",
        name="corp",
        servers=tuple(f"127.0.0.1:{server.port}" for server in servers),
        base_dn=BASE_DN,
        bind_user=f"cn=evict,{BASE_DN}",
        password_file=Path("/nowhere"),
        ca_file=authority.ca_file,
        openldap=OpenLdap(),
    )
    quick = Timeouts(connect_s=2.0, answer_s=0.5)
    directory = OpenLdapDirectory(section, Secret("a-password"), timeouts=quick)
    try:
        yield servers, directory
    finally:
        await directory.close()
        for one in listening:
            one.close()
            await one.wait_closed()
