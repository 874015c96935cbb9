# SPDX-License-Identifier: Apache-2.0
"""One slapd: connections bound as the service account, and throwaway ones for a try."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Final

from anyldap.protocols import pureldap

from evict.core.account import Account
from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.secret import Secret
from evict.systems.ldap import messages
from evict.systems.ldap.connection import Connection, final
from evict.systems.ldap.filters import Filter
from evict.systems.ldap.messages import Change, Entry, Result
from evict.systems.ldap.pool import Pool
from evict.systems.ldap.target import Service, Target

PAGE: Final = 500
"""slapd's default size limit is 500 entries, pages included (slapd.conf(5), sizelimit)."""

PASSWORD_POLICY: Final = b"1.3.6.1.4.1.42.2.27.8.5.1"
"""The control of draft-behera-ldap-password-policy, the same both ways."""

_NOT_NOW: Final = (messages.BUSY, messages.UNAVAILABLE)


class Port:
    """At most four connections to one server, opened when needed.

    Reads and writes raise `Unreachable` where nothing was sent or nothing was changed, and writes
    raise `Uncertain` where the request left and no answer came.
    """

    def __init__(self, target: Target, service: Service) -> None:
        self.target = target
        self._service = service
        self._pool = Pool(self.bound)

    @property
    def name(self) -> str:
        return self.target.peer

    @property
    def system(self) -> str:
        return self.target.system

    async def search(
        self, base: str, scope: int, what: Filter, attributes: Sequence[str], *, limit: int = 0
    ) -> list[Entry]:
        """Find all entries, or none where the base is not there.

        Args:
            limit: give up to so many and no error where there are more.

        Raises:
            Unreachable, AccessRefused, RemoteProtocolError: also where the server knows only a
                part, or says that others know more.
        """
        reused = self._pool.rested
        try:
            return await self._search(base, scope, what, attributes, limit)
        except Unreachable as error:
            if not reused or isinstance(error.__cause__, TimeoutError):
                raise
        await self.close()
        return await self._search(base, scope, what, attributes, limit)

    async def _search(
        self, base: str, scope: int, what: Filter, attributes: Sequence[str], limit: int
    ) -> list[Entry]:
        """Slapd keeps a paged search by its connection, so all pages go over one."""
        request = messages.search_request(base, scope, what, attributes, limit=limit)
        found: list[Entry] = []
        cookie = b""
        async with self._pool.connection() as connection:
            while True:
                page = (
                    [messages.paged(PAGE, cookie)] if not limit and scope != messages.BASE else []
                )
                answers = await connection.ask(request, page, lost=Unreachable)
                found += self.entries(answers)
                result = final(answers)
                if result.code == messages.NO_SUCH_OBJECT:
                    return []
                cut = result.code == messages.SIZE_LIMIT_EXCEEDED and limit
                if result.code != messages.SUCCESS and not cut:
                    raise fault(result, system=self.system, doing=f"search {base or 'rootDSE'}")
                cookie = messages.cookie_of(answers[-1])
                if not cookie:
                    return found

    async def pages(
        self, base: str, what: Filter, attributes: Sequence[str]
    ) -> AsyncGenerator[list[Entry], None]:
        """All entries below a base, page by page, over a connection of its own.

        Raises:
            Unreachable, AccessRefused, RemoteProtocolError: as `search`; also without the base.
        """
        request = messages.search_request(base, messages.SUBTREE, what, attributes)
        connection = await self.bound()
        cookie = b""
        try:
            while True:
                page = messages.paged(PAGE, cookie)
                answers = await connection.ask(request, [page], lost=Unreachable)
                result = final(answers)
                if result.code != messages.SUCCESS:
                    raise fault(result, system=self.system, doing=f"read all of {base}")
                yield self.entries(answers)
                cookie = messages.cookie_of(answers[-1])
                if not cookie:
                    return
        finally:
            connection.abort()

    def entries(self, answers: Sequence[pureldap.LDAPMessage]) -> list[Entry]:
        """Raises `RemoteProtocolError` at a referral: what lies elsewhere was not read."""
        found = []
        for answer in answers:
            if isinstance(answer.value, pureldap.LDAPSearchResultReference):
                text = f"{self.name} refers elsewhere for a part of the answer"
                raise RemoteProtocolError(text, system=self.system)
            if isinstance(answer.value, pureldap.LDAPSearchResultEntry):
                found.append(messages.entry_of(answer.value))
        return found

    async def modify(self, dn: str, changes: Sequence[Change]) -> Result:
        """Send one modify, which is all or nothing (RFC 4511 section 4.6); give the result.

        Raises:
            Unreachable: nothing was sent, or the server writes nothing now.
            Uncertain: sent and not answered.
        """
        return await self._write(messages.modify_request(dn, changes))

    async def set_password(self, dn: str, password: Secret) -> Result:
        """As `modify`; the server hashes it by its own rules (RFC 3062)."""
        return await self._write(messages.password_request(dn, password.reveal()))

    async def _write(self, request: pureldap.LDAPProtocolRequest) -> Result:
        async with self._pool.connection() as connection:
            result = final(await connection.ask(request, lost=Uncertain))
        if result.code == messages.REFERRAL:
            raise Unreachable(f"{self.name} is a replica that takes no writes", system=self.system)
        if result.code in _NOT_NOW:
            raise Unreachable(f"{self.name} is busy ({result.said})", system=self.system)
        return result

    async def lets_in(self, dn: str, password: Secret) -> bool:
        """Bind as somebody over a connection of its own, which ends at once.

        Raises:
            Unreachable: neither a yes nor a no.
        """
        connection = await Connection.open(self.target)
        try:
            result = await connection.bind(dn, password)
        finally:
            await connection.close()
        if result.code in (messages.SUCCESS, messages.INVALID_CREDENTIALS):
            return result.code == messages.SUCCESS
        raise Unreachable(
            f"{self.name} tells nothing of a bind ({result.said})", system=self.system
        )

    async def bound(self) -> Connection:
        """A connection of the caller's own, bound as the service account."""
        connection = await Connection.open(self.target)
        try:
            result = await connection.bind(self._service.dn, self._service.password)
        except BaseException:
            connection.abort()
            raise
        if result.code == messages.SUCCESS:
            return connection
        await connection.close()
        if result.code in _NOT_NOW:
            raise Unreachable(f"{self.name} is busy ({result.said})", system=self.system)
        raise AccessRefused(
            f"{self.name} refuses the service account {self._service.dn}: {result.said};"
            " check bind_user and password_file",
            system=self.system,
        )

    async def has_policy_overlay(self) -> bool:
        """Whether a bind is answered with a word on the password policy.

        Quirk: with the module ppolicy loaded and no overlay set up, slapd 2.5 offers the control
        and keeps the attributes all the same; it only answers nothing to it.
        """
        connection = await Connection.open(self.target)
        try:
            answers = await connection.bind_with(
                self._service.dn, self._service.password, [(PASSWORD_POLICY, 0, None)]
            )
        finally:
            await connection.close()
        return messages.control_of(answers[-1], PASSWORD_POLICY) is not None

    async def certificate_ends(self) -> datetime:
        """Until when the certificate in use is valid."""
        async with self._pool.connection() as connection:
            return datetime.fromtimestamp(connection.certificate_ends, UTC)

    async def close(self) -> None:
        await self._pool.close()


def fault(result: Result, *, system: str, doing: str) -> SystemFault:
    """The error for a refused operation; nothing was changed by it (RFC 4511 section 4.1.9)."""
    text = f"could not {doing} ({result.said})"
    if result.code == messages.INSUFFICIENT_ACCESS_RIGHTS:
        return AccessRefused(f"no right to {doing} ({result.said})", system=system)
    if result.code in _NOT_NOW:
        return Unreachable(text, system=system)
    if result.code in (messages.CONSTRAINT_VIOLATION, messages.UNWILLING_TO_PERFORM):
        return Unsupported(
            f"the directory's rules forbid to {doing} ({result.said})", system=system
        )
    return RemoteProtocolError(text, system=system)


def write_fault(
    result: Result, account: Account, *, system: str, doing: str, attribute: str
) -> SystemFault:
    """As `fault`, and a missing right is named."""
    if result.code != messages.INSUFFICIENT_ACCESS_RIGHTS:
        return fault(result, system=system, doing=f"{doing} of {account.id}")
    return AccessRefused(
        f"no right to {doing} of {account.id}: give the service account write access to"
        f" {attribute} (olcAccess), on the server that takes the writes",
        system=system,
    )
