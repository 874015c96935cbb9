# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of an Exchange organisation: shells, roles, token life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evict.config.exchange import ExchangeSection
from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.systems.exchange.objects import text
from evict.systems.exchange.port import Shell
from evict.systems.exchange.results import found
from evict.systems.exchange.settings import DEFAULT_TTL_S, TOKEN_TTL, token_lives
from evict.systems.exchange.versions import has

NEEDED: Final = {
    "Get-Mailbox": "look at the mailbox",
    "Set-Mailbox": "stop forwarding",
    "Get-CASMailbox": "see the switches",
    "Set-CASMailbox": "switch OWA, ActiveSync, EWS, MAPI, IMAP and POP3 off, and block devices",
    "Get-MailboxPermission": "see who is let in",
    "Remove-MailboxPermission": "take the owner's right",
    "Add-MailboxPermission": "give it back",
    "Get-ADPermission": "see who may send as somebody",
    "Remove-ADPermission": "take that right elsewhere",
    "Add-ADPermission": "give it back",
    "Get-MailboxFolderPermission": "see rights in folders",
    "Remove-MailboxFolderPermission": "take them",
    "Add-MailboxFolderPermission": "give them back",
    "Get-InboxRule": "see rules that send mail on",
    "Disable-InboxRule": "disable them",
    "Enable-InboxRule": "enable them again",
    "Get-MobileDevice": "see partnerships",
    "Remove-MobileDevice": "remove them",
    "Get-ActiveSyncDevice": "see partnerships",
    "Remove-ActiveSyncDevice": "remove them",
    "Get-MailboxCalendarFolder": "see whether the calendar is published",
    "Set-MailboxCalendarFolder": "end that",
    "Get-MailboxStatistics": "see a quarantine",
    "Enable-MailboxQuarantine": "quarantine, with --allow-bounce",
    "Disable-MailboxQuarantine": "lift a quarantine",
}
_MOVES: Final = ("New-MoveRequest", "Get-MoveRequest", "Get-MoveRequestStatistics")


async def examine(
    section: ExchangeSection, shell: Shell, servers: Mapping[str, Shell]
) -> tuple[Finding, ...]:
    """Never raises for what a server does."""
    return (
        *await _roles(section, shell),
        *await _servers(section, servers),
        *_without_shells(section),
    )


async def _roles(section: ExchangeSection, shell: Shell) -> list[Finding]:
    try:
        result = await shell.run("Get-Command")
        names = {text(o, "Name").lower() for o in found(result, shell.system)}
    except SystemFault as fault:
        remedy = "check shell_url, bind_user, password_file and authentication"
        return [_finding(section, "exchange-shell", Severity.ERROR, fault.text, remedy)]
    text_ = f"the Exchange shell answers at {shell.where} and takes the password"
    findings = [_finding(section, "exchange-shell", Severity.OK, text_)]
    needed = dict(NEEDED)
    if section.may_move:
        needed |= dict.fromkeys(_MOVES, "move a mailbox")
    if section.wipe_account:
        needed["Clear-MobileDevice"] = "wipe the account from phones"
    wanted = {name: why for name, why in needed.items() if has(section.version, name)}
    missing = {name: why for name, why in wanted.items() if name.lower() not in names}
    for name, why in missing.items():
        text_ = f"no role of the service account holds {name}: Evict cannot {why}"
        remedy = f"add a management role with {name} to the account's role group"
        findings.append(_finding(section, "exchange-role-missing", Severity.ERROR, text_, remedy))
    if not missing:
        text_ = f"the service account's roles hold all {len(wanted)} cmdlets that are needed"
        findings.append(_finding(section, "exchange-roles", Severity.OK, text_))
    return findings


async def _servers(section: ExchangeSection, servers: Mapping[str, Shell]) -> list[Finding]:
    lives, faults = await token_lives(servers)
    findings = []
    for name, fault in faults.items():
        text_ = f"the shell of {name}: {fault.text}; its log and its pools are out of reach"
        remedy = "check the server's shell_url; the account needs the server's administrator rights"
        findings.append(_finding(section, "exchange-server-shell", Severity.ERROR, text_, remedy))
    for name, life in lives.items():
        text_ = f"the shell of {name} answers at {servers[name].where}"
        findings.append(_finding(section, "exchange-server-shell", Severity.OK, text_))
        findings.append(_token(section, name, life))
    return findings


def _token(section: ExchangeSection, server: str, life: int | None) -> Finding:
    if life is None:
        text_ = f"{TOKEN_TTL} is not set on {server}: {DEFAULT_TTL_S} s after a token's last use"
        return _finding(section, "exchange-token-life", Severity.OK, text_)
    text_ = f"{TOKEN_TTL} on {server} is {life} s after a token's last use"
    if life == 0 or life > DEFAULT_TTL_S:
        remedy = f"a disabled account's token lives that long: set {DEFAULT_TTL_S} or less"
        return _finding(section, "exchange-token-life", Severity.WARNING, text_, remedy)
    return _finding(section, "exchange-token-life", Severity.OK, text_)


def _without_shells(section: ExchangeSection) -> list[Finding]:
    without = [server.name for server in section.servers if server.shell_url is None]
    if not without:
        return []
    text_ = f"no shell_url: {', '.join(without)}; whether a token is still taken there is not seen"
    remedy = "give each server its shell_url"
    return [_finding(section, "exchange-server-shell", Severity.WARNING, text_, remedy)]


def _finding(
    section: ExchangeSection, code: str, severity: Severity, text_: str, remedy: str = ""
) -> Finding:
    return Finding(code=code, severity=severity, system=section.name, text=text_, remedy=remedy)
