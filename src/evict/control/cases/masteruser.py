# SPDX-License-Identifier: Apache-2.0
"""Under which name an account logs in where, and how Dovecot's master user does it for it."""

from __future__ import annotations

from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.secret import Secret
from evict.probes.base import Login


def login_name(account: Account, endpoint: Endpoint, username_format: str) -> str:
    """The name that this account logs in with at this endpoint.

    Args:
        username_format: `auth_username_format` of the Dovecot that decides there.
    """
    if endpoint.protocol == "kerberos":
        return f"{account.sam}@{endpoint.realm}"
    if endpoint.protocol == "ldap":
        return account.upn
    return account.sam if "n" in username_format.replace("%L", "%").split("%")[1:] else account.upn


class MasterUser:
    """How to open a session as somebody else at the doors that Dovecot authenticates."""

    def __init__(self, name: str, separator: str, password: Secret, username_format: str) -> None:
        self.name = name
        self.separator = separator
        self.password = password
        self.username_format = username_format

    def login(
        self, account: Account, endpoint: Endpoint, source: str | None, timeout_s: float
    ) -> Login:
        leaver = login_name(account, endpoint, self.username_format)
        return Login(
            name=f"{leaver}{self.separator}{self.name}",
            password=self.password,
            source=source,
            timeout_s=timeout_s,
            address=account.addresses[0] if account.addresses else account.upn,
        )
