# SPDX-License-Identifier: Apache-2.0
"""A domain controller in memory that speaks LDAPS: enough of Active Directory for the connector.

It compares as loosely as Active Directory does (case, accents), so that whoever trusts its matches
is caught. Its faults are switches.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from anyldap.protocols import pureber, pureldap

from evict.systems.ldap import messages
from tests.contract.fake_entries import Store, values_of

BASE_DN = "DC=corp,DC=test"
EVICT_DN = f"CN=svc-evict,{BASE_DN}"
EVICT_PASSWORD = "Svc-Evict-1"
_REFUSED = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {}, v1db1"


class Fault(Enum):
    NONE = "none"
    HANG = "it reads and never answers"
    HALF = "it sends half an answer and ends the connection"
    NOISE = "it answers with what is no LDAP"
    LOSE_WRITES = "it ends the connection instead of doing a modify"
    DIE_AFTER_WRITE = "it does a modify and ends the connection instead of answering"
    BUSY = "it answers busy"
    NO_RIGHT = "it refuses each modify for want of rights"


@dataclass
class FakeController:
    """One server; two of them may share a `Store`, or each hold its own that lags."""

    store: Store = field(default_factory=Store)
    fault: Fault = Fault.NONE
    after_writes: int = 0
    """So many modifies are done before LOSE_WRITES and DIE_AFTER_WRITE begin to bite."""
    binds: int = 0
    writes: int = 0
    host: str = "127.82.9.1"
    port: int = 0
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, tls: ssl.SSLContext) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        self._server = None

    def cut(self) -> None:
        """End every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError, EOFError):
                await self._converse(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = messages.decode(await _frame(reader))
            if isinstance(request.value, pureldap.LDAPUnbindRequest):
                return
            answers = self._answer(request.value)
            if self.fault is Fault.HANG:
                await asyncio.sleep(3600)
            if answers is None:
                return
            wire = b"".join(pureldap.LDAPMessage(a, id=request.id).toWire() for a in answers)
            if self.fault is Fault.HALF:
                writer.write(wire[: len(wire) // 2])
                await writer.drain()
                return
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" if self.fault is Fault.NOISE else wire)
            await writer.drain()

    def _answer(
        self, request: pureber.BERBase
    ) -> Sequence[pureldap.LDAPResult | pureldap.LDAPSearchResultEntry] | None:
        if isinstance(request, pureldap.LDAPBindRequest):
            return [self._bind(request)]
        if isinstance(request, pureldap.LDAPModifyRequest):
            return self._modify(request)
        assert isinstance(request, pureldap.LDAPSearchRequest)
        if self.fault is Fault.BUSY:
            return [pureldap.LDAPSearchResultDone(resultCode=messages.BUSY)]
        return self._search(request)

    def _bind(self, request: pureldap.LDAPBindRequest) -> pureldap.LDAPBindResponse:
        self.binds += 1
        name, password = _text(request.dn), _text(request.auth)
        if name == EVICT_DN and password == EVICT_PASSWORD:
            return pureldap.LDAPBindResponse(resultCode=messages.SUCCESS)
        data = self.store.bind(name, password)
        if data:
            return pureldap.LDAPBindResponse(
                resultCode=messages.INVALID_CREDENTIALS, errorMessage=_REFUSED.format(data)
            )
        return pureldap.LDAPBindResponse(resultCode=messages.SUCCESS)

    def _search(
        self, request: pureldap.LDAPSearchRequest
    ) -> list[pureldap.LDAPResult | pureldap.LDAPSearchResultEntry]:
        base = _text(request.baseObject)
        found = self.store.search(base, request.scope, request.filter)
        if found is None:
            return [pureldap.LDAPSearchResultDone(resultCode=messages.NO_SUCH_OBJECT)]
        wanted = [_text(name) for name in request.attributes]
        entries = [
            pureldap.LDAPSearchResultEntry(
                dn, [(name, list(values_of(entry, name))) for name in wanted if name != "1.1"]
            )
            for dn, entry in found
        ]
        return [*entries, pureldap.LDAPSearchResultDone(resultCode=messages.SUCCESS)]

    def _modify(self, request: pureldap.LDAPModifyRequest) -> list[pureldap.LDAPResult] | None:
        if self.fault is Fault.NO_RIGHT:
            code = messages.INSUFFICIENT_ACCESS_RIGHTS
            return [pureldap.LDAPModifyResponse(resultCode=code, errorMessage="00002098")]
        biting = self.writes >= self.after_writes
        if self.fault is Fault.LOSE_WRITES and biting:
            return None
        self.writes += 1
        code = self.store.modify(_text(request.object or ""), list(request.modification or ()))
        if self.fault is Fault.DIE_AFTER_WRITE and biting:
            return None
        return [pureldap.LDAPModifyResponse(resultCode=code)]


def new_id() -> str:
    return str(uuid.uuid4())


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size = head[1]
    if size & 0x80:
        extra = await reader.readexactly(size & 0x7F)
        head += extra
        size = int.from_bytes(extra, "big")
    return head + await reader.readexactly(size)
