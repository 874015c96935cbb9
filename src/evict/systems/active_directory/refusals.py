# SPDX-License-Identifier: Apache-2.0
"""What a directory means by its refusals: result codes and the hexadecimal `data` of a bind."""

from __future__ import annotations

import re
from typing import Final

from evict.core.account import Account
from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Unreachable,
    Unsupported,
)
from evict.systems.ldap import messages
from evict.systems.ldap.messages import Result

_DATA: Final = re.compile(r"\bdata ([0-9a-f]{1,8})\b", re.IGNORECASE)

BIND_DATA: Final = {
    "525": "no such account",
    "52e": "wrong password or no such account",
    "530": "not at this hour",
    "531": "not from this machine",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password must be changed",
    "775": "the account is locked out",
}
"""Win32 error codes that a refused bind carries (MS-ERREF 2.2)."""

RIGHT_PASSWORD: Final = frozenset({"530", "531", "532", "533", "701", "773"})
"""Refusals that come after the password was found right, so that they prove which one is set.

Quirk: Samba 4.17 and Windows say `52e` for a wrong password even where the account is disabled.
"""


def bind_data(result: Result) -> str:
    """The `data` code of a refused bind, lower case; "" where there is none."""
    match = _DATA.search(result.text)
    return match.group(1).lower() if match else ""


def bind_refusal(result: Result) -> str:
    """One clause for people, of a bind that was refused."""
    data = bind_data(result)
    return BIND_DATA.get(data) or f"result {result.code}, {result.text or 'no reason given'}"


def password_is_right(result: Result) -> bool:
    return result.code == messages.SUCCESS or (
        result.code == messages.INVALID_CREDENTIALS and bind_data(result) in RIGHT_PASSWORD
    )


def fault(result: Result, *, system: str, doing: str) -> SystemFault:
    """The error for a refused operation; nothing was changed by it (RFC 4511 section 4.1.9)."""
    said = f"result {result.code}, {result.text.strip() or 'no reason given'}"
    if result.code == messages.INSUFFICIENT_ACCESS_RIGHTS:
        return AccessRefused(f"no right to {doing} ({said})", system=system)
    if result.code in (messages.BUSY, messages.UNAVAILABLE):
        return Unreachable(f"the server is busy, could not {doing} ({said})", system=system)
    if result.code in (messages.CONSTRAINT_VIOLATION, messages.UNWILLING_TO_PERFORM):
        return Unsupported(f"the domain's rules forbid to {doing} ({said})", system=system)
    return RemoteProtocolError(f"could not {doing} ({said})", system=system)


def write_fault(
    result: Result, account: Account, *, system: str, doing: str, right: str
) -> SystemFault:
    """As `fault`, and a missing right is named, with where it must be granted."""
    if result.code != messages.INSUFFICIENT_ACCESS_RIGHTS:
        return fault(result, system=system, doing=f"{doing} of {account.upn}")
    where = "on the account's organisational unit"
    if account.admin_count:
        where = (
            "on CN=AdminSDHolder,CN=System of the domain: AdminSDHolder protects this account"
            " (adminCount is 1) and takes away what is granted on its organisational unit"
        )
    return AccessRefused(
        f"no right to {doing} of {account.upn}: grant the service account {right} {where}",
        system=system,
    )
