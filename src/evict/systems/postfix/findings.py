# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a Postfix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from evict.config.model import PostfixHook, PostfixSection
from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.systems.command import Tool
from evict.systems.postfix import settings
from evict.systems.postfix.queue import Queue
from evict.systems.postfix.settings import Policy, Settings, policies, seconds

LONGEST_WAIT_S: Final = 3.0
"""Of a policy request; every mail waits so long when nobody answers."""
_STAGES: Final = (
    ("rcpt", "smtpd_recipient_restrictions", "RCPT"),
    ("data", "smtpd_data_restrictions", "DATA"),
    ("end-of-data", "smtpd_end_of_data_restrictions", "end of data"),
)
_REFUSING: Final = ("REJECT", "DEFER")
_REMEDY: Final = "paste what `evict agent snippet postfix` prints"


async def examine(section: PostfixSection, queue: Queue, tool: Tool) -> tuple[Finding, ...]:
    """Try the tools, then read the settings. Never raises for what they do."""
    findings = [await _queue(section, queue), await _hold(section, queue)]
    try:
        read = await settings.read(tool, section.config_directory)
    except SystemFault as fault:
        remedy = "let this user run postconf, or set command_prefix"
        unread = _finding(section, "postfix-settings-unread", Severity.ERROR, fault.text, remedy)
        return (*findings, unread)
    return (*findings, *hook_findings(section, read))


async def _queue(section: PostfixSection, queue: Queue) -> Finding:
    try:
        mails = await queue.mails()
    except SystemFault as fault:
        remedy = "let this user run postqueue -j, or set command_prefix"
        return _finding(section, "postfix-queue", Severity.ERROR, fault.text, remedy)
    text = f"postqueue tells the queue; mails in it: {len(mails)}"
    return _finding(section, "postfix-queue", Severity.OK, text)


async def _hold(section: PostfixSection, queue: Queue) -> Finding:
    """Holds nothing: an empty list of ids."""
    try:
        await queue.hold(())
    except SystemFault as fault:
        remedy = "needed for --hold-queue only"
        return _finding(section, "postfix-hold", Severity.WARNING, fault.text, remedy)
    return _finding(section, "postfix-hold", Severity.OK, "postsuper may hold mail")


def hook_findings(section: PostfixSection, read: Settings) -> tuple[Finding, ...]:
    """One OK where all is as the snippet sets it; else one finding for each difference."""
    if section.hook is None:
        text = "no hook is configured: a live connection goes on sending after the account's end"
        remedy = "add [postfix.hook] and paste what `evict agent snippet postfix` prints"
        return (_finding(section, "postfix-no-hook", Severity.WARNING, text, remedy),)
    services = read.listening(section.submission_port)
    if not services:
        text = f"no smtpd of master.cf listens on port {section.submission_port}"
        remedy = "set submission_port in [[postfix]]"
        return (_finding(section, "postfix-no-submission", Severity.ERROR, text, remedy),)
    wrong = [
        _finding(section, code, severity, f"{service.rpartition('/')[0]}: {text}", _REMEDY)
        for service in services
        for code, severity, text in _differences(section.hook, read, service)
    ]
    text = "the hook is asked at RCPT, DATA and end of data, and Postfix refuses without it"
    return tuple(wrong) or (_finding(section, "postfix-hook", Severity.OK, text),)


def _differences(
    hook: PostfixHook, read: Settings, service: str
) -> Iterator[tuple[str, Severity, str]]:
    for slug, name, stage in _STAGES:
        asked = [p for p in policies(read.get(name, service)) if _is_ours(p.server, hook, read)]
        if not asked:
            text = f"{name} does not ask the hook, so {stage} is not refused"
            yield f"postfix-hook-not-at-{slug}", Severity.ERROR, text
            continue
        yield from _one(asked[0], read, service, name)
    if read.get("smtpd_delay_reject", service) == "no":
        text = "smtpd_delay_reject is no: client and sender checks run before the login is known"
        yield "postfix-delay-reject", Severity.WARNING, text


def _one(
    policy: Policy, read: Settings, service: str, name: str
) -> Iterator[tuple[str, Severity, str]]:
    permits = [word for word in policy.after if word.startswith("permit")]
    if permits:
        text = f"{name} asks the hook after {permits[0]}, so it is not asked about a login"
        yield "postfix-hook-after-permit", Severity.ERROR, text
    wait = policy.options.get("timeout", read.get("smtpd_policy_service_timeout", service))
    if (seconds(wait) or LONGEST_WAIT_S + 1) > LONGEST_WAIT_S:
        text = f"{name} waits {wait} for the hook: mail hangs while nobody answers"
        yield "postfix-hook-timeout", Severity.WARNING, text
    default = policy.options.get(
        "default_action", read.get("smtpd_policy_service_default_action", service)
    )
    if not _refuses(default):
        text = f"{name} does {default!r} while the hook does not answer: that lets mail through"
        yield "postfix-hook-fails-open", Severity.ERROR, text


def _refuses(action: str) -> bool:
    """access(5): 4xx and 5xx, REJECT, DEFER and DEFER_IF_PERMIT; not DEFER_IF_REJECT."""
    word = action.split(None, 1)[0].upper() if action.strip() else ""
    if word == "DEFER_IF_REJECT":
        return False
    return word.startswith(_REFUSING) or (len(word) == 3 and word.isdigit() and word[0] in "45")


def _is_ours(server: str, hook: PostfixHook, read: Settings) -> bool:
    """A socket's path is taken from the queue directory, chroot or not."""
    kind, _, where = server.partition(":")
    if kind == "unix" and hook.unix_socket is not None:
        return Path(read.get("queue_directory")) / where == hook.unix_socket
    return kind == "inet" and hook.listen is not None and where == hook.listen


def _finding(
    section: PostfixSection, code: str, severity: Severity, text: str, remedy: str = ""
) -> Finding:
    return Finding(code=code, severity=severity, system=section.name, text=text, remedy=remedy)
