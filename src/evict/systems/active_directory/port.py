# SPDX-License-Identifier: Apache-2.0
"""One domain controller over LDAPS: connections bound as the service account, and throwaway ones.

anyldap gives the codec; the connection is our own, because its client reads without a bound, waits
without a deadline, and cannot say whether a request was sent when it fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from anyldap.protocols import pureber, pureldap

from evict.core.errors import AccessRefused, Uncertain, Unreachable
from evict.core.secret import Secret
from evict.systems.active_directory.refusals import bind_refusal, fault
from evict.systems.ldap import messages
from evict.systems.ldap.connection import Connection, final
from evict.systems.ldap.messages import Change, Control, Entry, Result
from evict.systems.ldap.pool import Pool
from evict.systems.ldap.target import Service, Target

PAGE: Final = 500
"""Entries of one page; MaxPageSize of Active Directory is 1000 (MS-ADTS 3.1.1.3.4.6)."""

_Kind = TypeVar("_Kind", bound=Connection)


class Port:
    """At most four connections to one domain controller, opened when needed.

    Reads and writes raise `Unreachable` where nothing was sent or nothing was changed, and writes
    raise `Uncertain` where the request left and no answer came.
    """

    def __init__(self, target: Target, service: Service) -> None:
        self._target = target
        self._service = service
        self._pool = Pool(lambda: self.bound(Connection))

    @property
    def name(self) -> str:
        return self._target.peer

    @property
    def system(self) -> str:
        return self._target.system

    async def search(  # noqa: PLR0913 - a search request has these parts (RFC 4511 section 4.5.1)
        self,
        base: str,
        scope: int,
        what: pureber.BERBase,
        attributes: Sequence[str],
        *,
        limit: int = 0,
        controls: Sequence[Control] = (),
    ) -> list[Entry]:
        """Find entries; none where the base is not there. `limit` 0 reads page by page to the end.

        Raises:
            Unreachable, AccessRefused, RemoteProtocolError.
        """
        request = pureldap.LDAPSearchRequest(
            baseObject=base, scope=scope, sizeLimit=limit, filter=what, attributes=list(attributes)
        )
        found: list[Entry] = []
        cookie = b""
        while True:
            page = [messages.paged(PAGE, cookie)] if not limit and scope != messages.BASE else []
            answers = await self._read(request, [*controls, *page])
            found += [
                messages.entry_of(a.value)
                for a in answers
                if isinstance(a.value, pureldap.LDAPSearchResultEntry)
            ]
            done = answers[-1]
            result = final(answers)
            if result.code == messages.NO_SUCH_OBJECT:
                return []
            if result.code not in (messages.SUCCESS, messages.SIZE_LIMIT_EXCEEDED):
                raise fault(result, system=self.system, doing=f"search {base or 'rootDSE'}")
            cookie = messages.cookie_of(done)
            if not cookie:
                return found

    async def modify(self, dn: str, changes: Sequence[Change]) -> Result:
        """Send one modify, which is all or nothing (RFC 4511 section 4.6); give the result.

        Raises:
            Unreachable: nothing was sent.
            Uncertain: sent and not answered.
        """
        request = messages.modify_request(dn, changes)
        async with self._pool.connection() as connection:
            answers = await connection.ask(request, lost=Uncertain)
        return final(answers)

    async def try_bind(self, dn: str, password: Secret) -> Result:
        """Bind as somebody over a connection of its own, which ends at once."""
        connection = await Connection.open(self._target)
        try:
            return await connection.bind(dn, password)
        finally:
            await connection.close()

    async def certificate_ends(self) -> datetime:
        """Until when the certificate in use is valid."""
        async with self._pool.connection() as connection:
            return datetime.fromtimestamp(connection.certificate_ends, UTC)

    async def close(self) -> None:
        await self._pool.close()

    async def _read(
        self, request: pureldap.LDAPSearchRequest, controls: Sequence[Control]
    ) -> list[pureldap.LDAPMessage]:
        reused = self._pool.rested
        try:
            async with self._pool.connection() as connection:
                return await connection.ask(request, controls, lost=Unreachable)
        except Unreachable as error:
            if not reused or isinstance(error.__cause__, TimeoutError):
                raise
        await self.close()
        async with self._pool.connection() as connection:
            return await connection.ask(request, controls, lost=Unreachable)

    async def bound(self, kind: type[_Kind]) -> _Kind:
        """A connection bound as the service account, the caller's own: it is not of the pool.

        Raises:
            Unreachable, AccessRefused.
        """
        connection = await kind.open(self._target)
        try:
            result = await connection.bind(self._service.dn, self._service.password)
        except BaseException:
            connection.abort()
            raise
        if result.code == messages.SUCCESS:
            return connection
        await connection.close()
        if result.code in (messages.BUSY, messages.UNAVAILABLE):
            raise Unreachable(f"{self.name} is busy ({result.text})", system=self.system)
        raise AccessRefused(
            f"{self.name} refuses the service account {self._service.dn}: "
            f"{bind_refusal(result)}; check bind_user and password_file",
            system=self.system,
        )
