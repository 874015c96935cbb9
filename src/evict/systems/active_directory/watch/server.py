# SPDX-License-Identifier: Apache-2.0
"""One controller as a watch asks it: an answer is whole, or an error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from anyldap.protocols import pureber
from msgspec import Struct

from evict.core.errors import AccessRefused, RemoteProtocolError, SystemFault
from evict.systems.active_directory import controls
from evict.systems.active_directory.controllers import Domain
from evict.systems.active_directory.port import PAGE, Port
from evict.systems.active_directory.refusals import fault
from evict.systems.active_directory.watch.talk import Found, Question, Talk, question
from evict.systems.ldap import filters, messages
from evict.systems.ldap.filters import ANYTHING, Filter
from evict.systems.ldap.messages import BASE, SUBTREE, Control, Entry, Malformed, Result

DOMAIN_SCOPE: Final[Control] = (b"1.2.840.113556.1.4.1339", 1, b"")
"""No referrals to other partitions, which every search of a whole domain would bring along
(MS-ADTS 3.1.1.3.4.1.2); one that comes nevertheless is an error."""

_REFERRAL: Final = 10
_LEAST_SID: Final = 8


class Identity(Struct, frozen=True, kw_only=True):
    """Who answers on a connection.

    Attributes:
        invocation: of its database (invocationId); a restored one gets another.
        sees_deleted: it shows tombstones to the service account.
    """

    invocation: str
    host: str
    domain: Domain
    sees_deleted: bool


class Server:
    """Over one connection of its own, which is opened when needed. One question at a time."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._talk: Talk | None = None
        self._identity: Identity | None = None

    @property
    def system(self) -> str:
        return self.port.system

    async def identity(self) -> Identity:
        """Who answers; looked at anew with each connection. Raises a `SystemFault`."""
        if self._talk is not None and self._identity is not None:
            if self._talk.alive:
                return self._identity
            self._drop()
        self._talk = await self.port.bound(Talk)
        try:
            self._identity = await self._introduction()
        except BaseException:
            self._drop()
            raise
        return self._identity

    async def ask(self, asked: Question) -> Found:
        """Send one search. After an answer that was not whole, the connection is not used again."""
        await self.identity()
        return await self._ask(asked)

    async def search(
        self,
        base: str,
        scope: int,
        what: Filter,
        attributes: Sequence[str],
        controls: Sequence[Control] = (),
    ) -> list[Entry]:
        """All that is found, in one answer. Raises a `SystemFault` where that is not all."""
        await self.identity()
        return await self._search(base, scope, what, attributes, controls)

    async def pages(
        self, base: str, what: Filter, attributes: Sequence[str], controls: Sequence[Control] = ()
    ) -> AsyncIterator[list[Entry]]:
        """All that is found below, page by page (RFC 2696). Raises a `SystemFault`."""
        await self.identity()
        cookie = b""
        while True:
            wanted = [messages.paged(PAGE, cookie), DOMAIN_SCOPE, *controls]
            found = await self._ask(question(base, SUBTREE, what, attributes, wanted))
            self.require_whole(found, f"read {base} to the end")
            value = found.done.controls.get(messages.PAGED_RESULTS)
            if value is None:
                raise self._fault(f"it does not say whether {base} was read to the end")
            yield found.entries
            cookie = _cookie(value, self)
            if not cookie:
                return

    def require_whole(self, found: Found, doing: str) -> None:
        """Raises a `SystemFault` for any answer that may lack something."""
        result = found.done.result
        if result.code == messages.SIZE_LIMIT_EXCEEDED:
            raise self._fault(f"it cut its answer at a size limit, could not {doing}")
        if found.referred or result.code == _REFERRAL:
            raise self._fault(f"it refers elsewhere, could not {doing}")
        if result.code != messages.SUCCESS:
            raise self.refused(result, doing)

    def refused(self, result: Result, doing: str) -> SystemFault:
        return fault(result, system=self.system, doing=doing)

    async def close(self) -> None:
        talk, self._talk, self._identity = self._talk, None, None
        if talk is not None:
            await talk.close()

    def _drop(self) -> None:
        if self._talk is not None:
            self._talk.abort()
        self._talk = self._identity = None

    def _fault(self, text: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"{self.port.name}: {text}", system=self.system)

    async def _ask(self, asked: Question) -> Found:
        if self._talk is None:
            raise self._fault("its connection is gone")
        try:
            return await self._talk.search(asked)
        except BaseException:
            self._drop()
            raise

    async def _search(
        self,
        base: str,
        scope: int,
        what: Filter,
        attributes: Sequence[str],
        controls: Sequence[Control] = (),
    ) -> list[Entry]:
        wanted = [DOMAIN_SCOPE, *controls] if base else list(controls)
        found = await self._ask(question(base, scope, what, attributes, wanted))
        self.require_whole(found, f"search {base or 'its root'}")
        return found.entries

    async def _introduction(self) -> Identity:
        names = ("defaultNamingContext", "configurationNamingContext", "dsServiceName")
        tops = await self._search("", BASE, ANYTHING, (*names, "dnsHostName"))
        root = tops[0] if tops else Entry(dn="", attributes={})
        context, service = root.text("defaultNamingContext"), root.text("dsServiceName")
        if not context or not service:
            raise self._fault("it is no domain controller")
        settings = await self._search(service, BASE, ANYTHING, ["invocationId"])
        invocation = settings[0].raw("invocationId").hex() if settings else ""
        if not invocation:
            raise AccessRefused(
                f"{self.port.name} does not show its invocationId to the service account",
                system=self.system,
            )
        return Identity(
            invocation=invocation,
            host=root.text("dnsHostName"),
            domain=await self._domain(context, root.text("configurationNamingContext")),
            sees_deleted=await self._sees_deleted(context),
        )

    async def _domain(self, context: str, configuration: str) -> Domain:
        tops = await self._search(context, BASE, ANYTHING, ["objectSid"])
        partitions = await self._search(
            f"CN=Partitions,{configuration}",
            SUBTREE,
            filters.equals("nCName", context),
            ["nETBIOSName", "dnsRoot"],
        )
        sid = tops[0].raw("objectSid") if tops else b""
        if len(sid) < _LEAST_SID or not partitions:
            raise AccessRefused(
                f"{self.port.name} does not show the domain {context} to the service account",
                system=self.system,
            )
        return Domain(
            naming_context=context,
            dns_domain=partitions[0].text("dnsRoot").lower(),
            netbios=partitions[0].text("nETBIOSName"),
            sid=sid,
        )

    async def _sees_deleted(self, context: str) -> bool:
        """Quirk: who may not look into it gets the container's name without attributes (Samba)."""
        container = f"CN=Deleted Objects,{context}"
        asked = question(
            container,
            BASE,
            ANYTHING,
            ["objectClass"],
            [controls.SHOW_DELETED],
        )
        found = await self._ask(asked)
        return any(entry.attributes for entry in found.entries)

    def number(self, entry: Entry, name: str) -> int:
        """Raises `RemoteProtocolError` where it is not there, or no number."""
        try:
            number = entry.number(name)
        except Malformed as error:
            raise self._fault(f"its {error}") from error
        if number <= 0:
            raise self._fault(f"it does not say its {name}")
        return number


def _cookie(value: bytes, server: Server) -> bytes:
    try:
        return messages.cookie_in(value)
    except (pureber.BERExceptionInsufficientData, AssertionError, LookupError) as error:
        text = f"{server.port.name} sent a page without a cookie"
        raise RemoteProtocolError(text, system=server.system) from error
