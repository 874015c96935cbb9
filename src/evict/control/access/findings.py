# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` has to say of who may do what, and of the audit log."""

from __future__ import annotations

from evict.config.access import AccessSection, people_of, unknown_names
from evict.control.audit.log import AuditLog
from evict.core.exposure import Finding, Severity


def access_findings(section: AccessSection) -> list[Finding]:
    """One for each list with names that are nobody's: they allow nobody."""
    return [
        Finding(
            code="access-unknown",
            severity=Severity.WARNING,
            system="",
            text=f"access.{setting}: not on this host: {', '.join(names)}",
            remedy="make the user or group, or take it out of [access]",
        )
        for setting, names in unknown_names(section).items()
    ]


def approver_findings(section: AccessSection, approvers: int) -> list[Finding]:
    """Root is one person too; the owner of a token has a role here or approves nothing."""
    people = people_of((*section.approvers, *section.administrators)) | {0}
    if len(people) >= approvers:
        return []
    return [
        Finding(
            code="approvers-missing",
            severity=Severity.ERROR,
            system="",
            text=f"{approvers} different people must approve, and {len(people)} may: what is held"
            " stays held, and nobody is reinstated",
            remedy="name them in access.approvers",
        )
    ]


def audit_findings(log: AuditLog) -> list[Finding]:
    found = []
    if log.trouble:
        found.append(
            Finding(
                code="audit-not-written",
                severity=Severity.ERROR,
                system="",
                text=f"the audit log cannot be written: {log.trouble}",
                remedy="make room, or give the folder back to the service's user",
            )
        )
    syslog = log.syslog
    if syslog is not None and not syslog.connected:
        found.append(
            Finding(
                code="syslog-away",
                severity=Severity.WARNING,
                system="",
                text=f"{syslog.waiting} lines wait, {syslog.dropped} dropped: {syslog.trouble}",
                remedy="see [audit.syslog]; the file has every line",
            )
        )
    return found
