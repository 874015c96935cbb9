# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a SOGo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.config.sogo import SogoSection
from evict.core.errors import SystemFault, Unsupported
from evict.core.exposure import Finding, Severity
from evict.systems.command import Tool
from evict.systems.postgres import Database, table
from evict.systems.sogo import settings
from evict.systems.sogo.settings import Settings
from evict.systems.sogo.shares import Tables
from evict.systems.sogo.stores import Stores

OK, WARNING, ERROR = Severity.OK, Severity.WARNING, Severity.ERROR
LONGEST_CACHE_S: Final = 300.0
LONGEST_PING_S: Final = 600.0


class Doctor:
    """Looks at one SOGo; never raises for what it does."""

    def __init__(
        self, section: SogoSection, database: Database | None, stores: Stores, tool: Tool
    ) -> None:
        self._section = section
        self._database = database
        self._stores = stores
        self._tool = tool

    async def examine(self) -> tuple[Finding, ...]:
        """The interfaces first, then what the settings allow."""
        try:
            read = await settings.read(self._tool, self._section.config_file)
        except SystemFault as fault:
            remedy = "let this user read SOGo's settings, or set command_prefix"
            told = [self._finding("sogo-settings-unread", ERROR, fault.text, remedy)]
        else:
            told = list(self._settings(read))
        return (*await self._memcached(), *await self._sql(), *self._front(), *told)

    def _finding(self, code: str, severity: Severity, text: str, remedy: str = "") -> Finding:
        return Finding(
            code=code, severity=severity, system=self._section.name, text=text, remedy=remedy
        )

    async def _memcached(self) -> list[Finding]:
        if not self._stores.cache.configured:
            text = (
                "memcached is not configured: a leaver's cached password is left to end by itself"
            )
            remedy = "set memcached to SOGoMemcachedHost, and let this host reach it"
            return [self._finding("sogo-memcached", WARNING, text, remedy)]
        told = []
        for address, fault in (await self._stores.cache.answers()).items():
            if fault is None:
                text = f"memcached answers at {address} and lists its keys"
                told.append(self._finding("sogo-memcached", OK, text))
            elif isinstance(fault, Unsupported):
                text = f"{address}: {fault.text}; a login typed in another spelling is not found"
                remedy = "do not start memcached with -o no_lru_crawler"
                told.append(self._finding("sogo-memcached-list", WARNING, text, remedy))
            else:
                remedy = "check memcached; SOGo itself asks the directory each time without it"
                told.append(self._finding("sogo-memcached", ERROR, fault.text, remedy))
        return told

    async def _sql(self) -> list[Finding]:
        if self._database is None:
            text = "database_file is not configured: forwarding, rights, phones are not seen"
            return [self._finding("sogo-database", WARNING, text, "set database_file")]
        try:
            missing = await _missing_rights(self._database, self._section, self._stores.tables)
        except SystemFault as fault:
            remedy = "check database_file, pg_hba.conf and the tables' names in [[sogo]]"
            return [self._finding("sogo-database", ERROR, fault.text, remedy)]
        if missing:
            text = f"{self._database.where}: rights are missing: {'; '.join(missing)}"
            remedy = "give Evict's role the role that owns SOGo's tables: GRANT sogo TO evict"
            return [self._finding("sogo-database-rights", ERROR, text, remedy)]
        text = f"{self._database.where} answers and gives the rights that are needed"
        return [self._finding("sogo-database", OK, text)]

    def _front(self) -> Iterator[Finding]:
        if self._section.hook is None and self._section.haproxy is None:
            text = (
                "no front refuses: a leaver's cookie and phone go on until the directory refuses"
                " and the cached password is deleted, a Ping in flight some seconds longer"
            )
            remedy = "add [sogo.haproxy] or [sogo.hook] (`evict agent snippet`)"
            yield self._finding("sogo-no-hook", WARNING, text, remedy)

    def _settings(self, read: Settings) -> Iterator[Finding]:
        cached = read.seconds("SOGoCacheCleanupInterval")
        if cached is None or cached > LONGEST_CACHE_S:
            text = f"SOGoCacheCleanupInterval is {read.get('SOGoCacheCleanupInterval')}"
            remedy = "set it to 300 or less: a password is taken so long without the directory"
            yield self._finding("sogo-password-cache", WARNING, text, remedy)
        else:
            text = f"a password that was taken once is taken for {cached:g} s more"
            yield self._finding("sogo-password-cache", OK, text)
        ping = read.seconds("SOGoMaximumPingInterval")
        if ping is not None and ping > LONGEST_PING_S:
            text = f"SOGoMaximumPingInterval is {ping:g} s: a Ping in flight may last so long"
            remedy = "set 600 or less, or let the front end it"
            yield self._finding("sogo-ping", WARNING, text, remedy)
        if read.on("SOGoEnablePublicAccess"):
            text = "SOGoEnablePublicAccess: published folders and free/busy are read without a name"
            remedy = "`evict revoke` unpublishes the leaver's; set NO where nobody needs it"
            yield self._finding("sogo-public-access", WARNING, text, remedy)
        if read.on("SOGoTrustProxyAuthentication"):
            text = (
                "SOGoTrustProxyAuthentication: SOGo believes x-webobjects-remote-user, and asks for"
                " no password where the front lets a client's own header through"
            )
            remedy = "remove the header at the front before it is set"
            yield self._finding("sogo-trusts-header", WARNING, text, remedy)
        yield from self._names(read)

    def _names(self, read: Settings) -> Iterator[Finding]:
        for name in ("SOGoCalendarDefaultRoles", "SOGoContactsDefaultRoles"):
            if roles := read.get(name):
                text = f"{name} gives everybody {roles} in each folder, the leaver too"
                remedy = "take it away: no measure closes what stands in no row"
                yield self._finding("sogo-default-roles", WARNING, text, remedy)
        domain = read.on("SOGoEnableDomainBasedUID")
        ours = "@" in self._section.username_format or self._section.uid_from != "sam"
        if domain != ours:
            text = f"SOGoEnableDomainBasedUID is {'YES' if domain else 'NO'} and the uid made here "
            text += "has a domain" if ours else "has none"
            remedy = "set uid_from and username_format so that they give SOGo's uid"
            yield self._finding("sogo-uid", WARNING if ours else ERROR, text, remedy)
        if read.get("SOGoAuthenticationType"):
            text = f"SOGoAuthenticationType is {read.get('SOGoAuthenticationType')}"
            remedy = "sessions of a single sign-on are ended there: only a front refuses them here"
            yield self._finding("sogo-single-sign-on", WARNING, text, remedy)


async def _missing_rights(database: Database, section: SogoSection, tables: Tables) -> list[str]:
    needed = {
        section.profile_table: "SELECT, UPDATE",
        section.folder_table: "SELECT",
        section.sessions_table: "SELECT",
    }
    several = "SELECT, INSERT, UPDATE, DELETE"
    async with database.read() as transaction:
        rights = await tables.names(transaction)
        phones = await transaction.rows(
            table(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)"
                " AND starts_with(relname, %(prefix)s)"
            ),
            {"prefix": section.cache_table},
        )
        needed |= dict.fromkeys(rights, "SELECT, INSERT, DELETE")
        needed |= {str(row[0]): several for row in phones}
        pairs = [(name, right) for name, all_ in needed.items() for right in all_.split(", ")]
        found = await transaction.rows(
            table(
                "SELECT t.name, t.needed FROM unnest(%(names)s::text[], %(rights)s::text[])"
                " AS t(name, needed) WHERE NOT coalesce("
                "has_table_privilege(to_regclass(quote_ident(t.name)), t.needed), false)"
            ),
            {"names": [name for name, _ in pairs], "rights": [right for _, right in pairs]},
        )
    told = [f"{right} on {name}" for name, right in found]
    return [*told[:5], f"and {len(told) - 5} more"] if len(told) > 5 else told
