# SPDX-License-Identifier: Apache-2.0
"""Whether Dovecot's auth policy is set so that the hook decides, and refuses when it is silent.

Spec: Dovecot 2.3 documentation, Authentication policy support.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from evict.config.model import DovecotHook, DovecotSection
from evict.core.exposure import Finding, Severity
from evict.systems.dovecot.settings import Settings

LONGEST_WAIT_MS: Final = 3000
"""auth_policy_server_timeout_msecs; every login waits so long when nobody answers."""
_REMEDY: Final = "paste what `evict agent snippet dovecot` prints"
_SWITCHES: Final = (
    (
        "dovecot-hook-fails-open",
        "auth_policy_reject_on_fail",
        "yes",
        "everybody is let in while the agent does not answer",
    ),
    (
        "dovecot-hook-log-only",
        "auth_policy_log_only",
        "no",
        "the hook's refusals are logged and not obeyed",
    ),
    (
        "dovecot-hook-after-auth",
        "auth_policy_check_after_auth",
        "yes",
        "the directory's own spelling of a name is never asked about",
    ),
    (
        "dovecot-hook-before-auth",
        "auth_policy_check_before_auth",
        "yes",
        "a leaver's password is tried before the hook is asked",
    ),
)
_MEANINGS: Final = (
    ("login", ("%{user}", "%u"), "the mailbox's name as of now"),
    ("requested", ("%{requested_username}",), "who a master user asks for"),
    ("mech", ("%{mechanism}", "%{mech}", "%m"), "password or Kerberos ticket"),
)


def hook_findings(section: DovecotSection, read: Settings) -> tuple[Finding, ...]:
    """One OK where all is as the snippet sets it; else one finding for each difference."""
    if section.hook is None:
        return (
            Finding(
                code="dovecot-no-hook",
                severity=Severity.WARNING,
                system=section.name,
                text="no hook is configured: a leaver is let in until the directory refuses and the"
                " cache is flushed, and with a Kerberos ticket until it ends",
                remedy="add [dovecot.hook] and paste what `evict agent snippet dovecot` prints",
            ),
        )
    wrong = [
        Finding(code=code, severity=severity, system=section.name, text=text, remedy=_REMEDY)
        for code, severity, text in _differences(section.hook, read)
    ]
    fine = Finding(
        code="dovecot-hook",
        severity=Severity.OK,
        system=section.name,
        text="the settings ask the hook before and after authentication, and refuse without it",
    )
    return tuple(wrong) or (fine,)


def _differences(hook: DovecotHook, read: Settings) -> Iterator[tuple[str, Severity, str]]:
    url = read.get("auth_policy_server_url")
    if not url:
        yield "dovecot-hook-not-asked", Severity.ERROR, "auth_policy_server_url is not set"
        return
    if not _leads_to(url, hook.listen):
        text = f"auth_policy_server_url is {url} and the hook listens at {hook.listen}"
        yield "dovecot-hook-elsewhere", Severity.ERROR, text
    for code, name, wanted, consequence in _SWITCHES:
        if name in read.values and read.get(name) != wanted:
            yield code, Severity.ERROR, f"{name} is {read.get(name)}: {consequence}"
    yield from _attributes(read.get("auth_policy_request_attributes"))
    if not read.get("auth_policy_server_api_header") and read.is_hidden("doveadm_api_key"):
        # Both are kept from other users in the same way; neither is seen where they stand apart.
        text = "auth_policy_server_api_header is not set: the agent refuses every question"
        yield "dovecot-hook-key", Severity.ERROR, text
    timeout = read.get("auth_policy_server_timeout_msecs")
    if timeout.isdigit() and int(timeout) > LONGEST_WAIT_MS:
        text = f"auth_policy_server_timeout_msecs is {timeout}: logins hang while nobody answers"
        yield "dovecot-hook-timeout", Severity.WARNING, text


def _attributes(setting: str) -> Iterator[tuple[str, Severity, str]]:
    sent = dict(part.partition("=")[::2] for part in setting.split())
    if "hashed_password" in setting:
        text = "auth_policy_request_attributes sends a hash of the password"
        yield "dovecot-hook-password-hash", Severity.ERROR, text
    for name, variables, meaning in _MEANINGS:
        if sent.get(name) not in variables:
            text = f"auth_policy_request_attributes has no {name}={variables[0]} ({meaning})"
            yield "dovecot-hook-attributes", Severity.ERROR, text


def _leads_to(url: str, listen: str) -> bool:
    """The port decides: the hook may listen on every address, or be named by a host's name."""
    try:
        port = urlsplit(url).port or 80
    except ValueError:
        return False
    return str(port) == listen.rpartition(":")[2]
