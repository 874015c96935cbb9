# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a Roundcube."""

from __future__ import annotations

from typing import Final

from evict.config.roundcube import RoundcubeSection
from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.systems.roundcube.database import Database
from evict.systems.roundcube.page import LoginPage, visit
from evict.systems.roundcube.sessions import LeaversSessions

TRIED: Final = "1.6."
LONG_S: Final = 1800
"""A session that is forgotten in a browser should not live for longer."""


async def examine(
    section: RoundcubeSection, database: Database | None, sessions: LeaversSessions | None
) -> tuple[Finding, ...]:
    """Never raises for what a server does."""
    if database is None or sessions is None:
        return (*await _page(section), *_blind(section), *_front(section))
    return (
        *await _page(section),
        *await _database(section, database),
        *await _storage(section, sessions),
        *_front(section),
    )


async def _page(section: RoundcubeSection) -> list[Finding]:
    try:
        page = await visit(section)
    except SystemFault as fault:
        remedy = "check url, server_name and ca_file"
        return [_finding(section, "roundcube-page", Severity.ERROR, fault.text, remedy)]
    text = f"the login page answers at {section.url}"
    findings = [_finding(section, "roundcube-page", Severity.OK, text)]
    return findings + _version(section, page) + _lifetime(section, page)


def _version(section: RoundcubeSection, page: LoginPage) -> list[Finding]:
    if page.version.startswith(TRIED):
        return []
    text = f"version {page.version or 'unknown'}: what is known of Roundcube is of {TRIED}x"
    remedy = "compare a revocation of a test account with what its browser shows"
    return [_finding(section, "roundcube-version", Severity.WARNING, text, remedy)]


def _lifetime(section: RoundcubeSection, page: LoginPage) -> list[Finding]:
    if page.lifetime_s is None or 0 < page.lifetime_s <= LONG_S:
        return []
    text = f"session_lifetime is {page.lifetime_s // 60} min: a forgotten session lives that long"
    remedy = f"set session_lifetime = {LONG_S // 60} or less"
    return [_finding(section, "roundcube-session-lifetime", Severity.WARNING, text, remedy)]


async def _database(section: RoundcubeSection, database: Database) -> list[Finding]:
    try:
        found = await database.sessions()
        may_delete = await database.may_delete()
    except SystemFault as fault:
        remedy = "check database_file and table_prefix; the role needs SELECT on session"
        return [_finding(section, "roundcube-database", Severity.ERROR, fault.text, remedy)]
    if not may_delete:
        text = f"the role of {database.where} may not delete sessions"
        remedy = 'GRANT SELECT, DELETE ON "session" TO it'
        return [_finding(section, "roundcube-database", Severity.ERROR, text, remedy)]
    text = f"{database.where} answers; people with a session: {len(set(found.names.values()))}"
    findings = [_finding(section, "roundcube-database", Severity.OK, text)]
    if found.unreadable:
        text = f"sessions that nobody can tell whose they are: {found.unreadable}"
        remedy = "an open session of a leaver's among them is not seen: look at these rows"
        findings.append(
            _finding(section, "roundcube-unreadable-sessions", Severity.WARNING, text, remedy)
        )
    return findings


async def _storage(section: RoundcubeSection, sessions: LeaversSessions) -> list[Finding]:
    try:
        seen = await sessions.storage()
    except SystemFault:
        return []  # said already, of the database
    if seen.is_here:
        return [_finding(section, "roundcube-session-storage", Severity.OK, seen.words)]
    severity = Severity.WARNING if seen.is_here is None else Severity.ERROR
    remedy = "set session_storage = 'db', or rest on a front alone (leave database_file out)"
    return [_finding(section, "roundcube-session-storage", severity, seen.words, remedy)]


def _blind(section: RoundcubeSection) -> list[Finding]:
    text = "database_file is not configured: who has a session is not seen, and none is ended here"
    remedy = "set database_file, where session_storage is db"
    return [_finding(section, "roundcube-database", Severity.WARNING, text, remedy)]


def _front(section: RoundcubeSection) -> list[Finding]:
    if section.hook is not None or section.haproxy is not None:
        return []
    text = (
        "no front refuses: a login is as open as the IMAP server, a session until its row is gone"
    )
    remedy = "configure [roundcube.haproxy] or [roundcube.hook]"
    return [_finding(section, "roundcube-no-front", Severity.WARNING, text, remedy)]


def _finding(
    section: RoundcubeSection, code: str, severity: Severity, text: str, remedy: str = ""
) -> Finding:
    return Finding(code=code, severity=severity, system=section.name, text=text, remedy=remedy)
