# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a Dovecot."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from evict.config.model import DovecotSection
from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.systems.command import Tool
from evict.systems.dovecot import settings
from evict.systems.dovecot.doveadm import Doveadm, who
from evict.systems.dovecot.hook_settings import hook_findings
from evict.systems.dovecot.settings import Settings

FEW_CONNECTIONS: Final = 10
"""mail_max_userip_connections; a phone and a desktop client take five to ten from one address."""


async def examine(
    section: DovecotSection, doveadm: Doveadm, tool: Tool, *, probe_network: str | None
) -> tuple[Finding, ...]:
    """Try the interfaces, then read the settings. Never raises for what the server does."""
    findings = [await _doveadm(section, doveadm)]
    if probe_network and findings[0].severity is Severity.OK:
        findings.append(await shared_probe_addresses(doveadm, section.name, probe_network))
    try:
        read = await settings.read(tool, section.config_file)
    except SystemFault as fault:
        unread = _finding(
            section,
            "dovecot-settings-unread",
            Severity.ERROR,
            fault.text,
            "let this user run doveconf, or set command_prefix",
        )
        return (*findings, unread)
    return (*findings, *_settings(section, read))


async def _doveadm(section: DovecotSection, doveadm: Doveadm) -> Finding:
    try:
        await doveadm.who()
    except SystemFault as fault:
        remedy = "check doveadm_url, `service doveadm { inet_listener http }` and doveadm_api_key"
        return _finding(section, "dovecot-doveadm", Severity.ERROR, fault.text, remedy)
    text = f"doveadm answers at {section.doveadm_url} and takes the key"
    return _finding(section, "dovecot-doveadm", Severity.OK, text)


async def shared_probe_addresses(doveadm: Doveadm, system: str, network: str) -> Finding:
    """Whether people's sessions come from the addresses that only probes should use.

    Dovecot delays everybody's logins from an address after failures there, and a probe that is
    refused is one.

    Raises:
        SystemFault: the list cannot be had.
    """
    wanted = ip_network(network, strict=False)
    (answer,) = await doveadm.run([who()])
    shared = 0
    for row in doveadm.rows(answer):
        try:
            shared += ip_address(row.get("ip", "")) in wanted
        except ValueError:
            continue
    if shared:
        return Finding(
            code="dovecot-probe-addresses-shared",
            severity=Severity.WARNING,
            system=system,
            text=f"live sessions from the probes' network {network}: {shared}; refused probes delay"
            " the logins of everybody there",
            remedy="give probes.source_addresses a network that nobody else uses",
        )
    return Finding(
        code="dovecot-probe-addresses-shared",
        severity=Severity.OK,
        system=system,
        text=f"nobody's session comes from the probes' network {network}",
    )


def _settings(section: DovecotSection, read: Settings) -> tuple[Finding, ...]:
    findings = [
        *_version(section, read),
        *_username_format(section, read),
        *_master(section, read),
        *_few_connections(section, read),
    ]
    return (*findings, *hook_findings(section, read))


def _version(section: DovecotSection, read: Settings) -> list[Finding]:
    if read.version.startswith("2.3."):
        return []
    text = f"version {read.version or 'unknown'}: its settings are named otherwise than in 2.3"
    remedy = "read the differences that `evict agent snippet dovecot` names"
    return [_finding(section, "dovecot-version", Severity.WARNING, text, remedy)]


def _username_format(section: DovecotSection, read: Settings) -> list[Finding]:
    real = read.get("auth_username_format")
    if real == section.username_format:
        return []
    text = (
        f"auth_username_format is {real!r} and the configuration says {section.username_format!r}:"
        " login names may be taken for somebody else's"
    )
    remedy = f'set username_format = "{real}" in [[dovecot]]'
    return [_finding(section, "dovecot-username-format", Severity.ERROR, text, remedy)]


def _master(section: DovecotSection, read: Settings) -> list[Finding]:
    """A master user logs in as anybody, the leaver included, under a name of his own."""
    real = read.get("auth_master_user_separator")
    masters = [b for b in read.blocks if b.kind == "passdb" and b.values.get("master") == "yes"]
    told = section.master_separator or ""
    if real and not told:
        text = f"auth_master_user_separator is {real!r} and the configuration names no master user"
        remedy = f'set master_separator = "{real}" in [[dovecot]], or take the separator away'
        return [_finding(section, "dovecot-master-user", Severity.WARNING, text, remedy)]
    if real != told:
        text = f"auth_master_user_separator is {real!r} and the configuration says {told!r}"
        remedy = "make them the same in [[dovecot]]"
        return [_finding(section, "dovecot-master-user", Severity.ERROR, text, remedy)]
    if section.master_user and not masters:
        text = "a master user is configured and no passdb of Dovecot's has master = yes"
        remedy = "add a passdb with master = yes, or take master_user away"
        return [_finding(section, "dovecot-master-user", Severity.ERROR, text, remedy)]
    return []


def _few_connections(section: DovecotSection, read: Settings) -> list[Finding]:
    """Witness sessions count against the leaver's own limit for an address."""
    limit = read.get("mail_max_userip_connections")
    if not limit.isdigit() or int(limit) >= FEW_CONNECTIONS:
        return []
    text = f"mail_max_userip_connections is {limit}: a witness session may be refused for it"
    remedy = f"raise it to {FEW_CONNECTIONS} or more"
    return [_finding(section, "dovecot-few-connections", Severity.WARNING, text, remedy)]


def _finding(
    section: DovecotSection, code: str, severity: Severity, text: str, remedy: str = ""
) -> Finding:
    return Finding(code=code, severity=severity, system=section.name, text=text, remedy=remedy)
