# SPDX-License-Identifier: Apache-2.0
"""The directory's accounts: passwords, the previous one's grace, enabled or not."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from evict.lab.model.words import Denial, Denied, ModelError

DISABLED: Final = 0x2
NORMAL: Final = 0x200
_NAMESPACE: Final = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


@dataclass
class DirectoryAccount:
    """One account. `password` stands in plain: nothing of the lab is secret.

    Attributes:
        previous: the password before, and until when NTLM still takes it.
        attributes: any other LDAP attribute, lower-case name -> values.
    """

    guid: str
    sam: str
    upn: str
    display_name: str
    dn: str
    password: str = field(repr=False)
    addresses: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    user_account_control: int = NORMAL
    pwd_last_set: float = 0.0
    must_change: bool = False
    previous: tuple[str, float] | None = field(default=None, repr=False)
    when_changed: float = 0.0
    usn: int = 0
    attributes: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        return not self.user_account_control & DISABLED


class DirectoryState:
    """All accounts of one domain."""

    def __init__(
        self, now: Callable[[], float], domain: str, netbios: str, old_password_s: float
    ) -> None:
        self._now = now
        self.domain = domain
        self.netbios = netbios
        self._old_password_s = old_password_s
        self.accounts: dict[str, DirectoryAccount] = {}
        self._names: dict[str, str] = {}
        self.usn = 1000
        self.sign_ins = 0

    @property
    def base_dn(self) -> str:
        return ",".join(f"DC={part}" for part in self.domain.split("."))

    def add(
        self, sam: str, display_name: str, password: str, groups: list[str] | None = None
    ) -> DirectoryAccount:
        """A new account in OU=People; its id depends on its name alone."""
        account = DirectoryAccount(
            guid=str(uuid.uuid5(_NAMESPACE, f"{self.domain}/{sam}")),
            sam=sam,
            upn=f"{sam}@{self.domain}",
            display_name=display_name,
            dn=f"CN={display_name},OU=People,{self.base_dn}",
            password=password,
            addresses=[f"{sam}@{self.domain}"],
            groups=list(groups or []),
            pwd_last_set=self._now(),
        )
        self.accounts[sam] = account
        self.touch(account)
        self.reindex()
        return account

    def touch(self, account: DirectoryAccount) -> None:
        """Note that it changed."""
        self.usn += 1
        account.usn = self.usn
        account.when_changed = self._now()

    def reindex(self) -> None:
        """After names changed."""
        self._names = {}
        for account in self.accounts.values():
            forms = (account.sam, account.upn, f"{self.netbios}\\{account.sam}", account.guid)
            for form in (*forms, *account.addresses):
                self._names.setdefault(form.lower(), account.sam)

    def find(self, name: str) -> DirectoryAccount | None:
        r"""By UPN, `DOMAIN\sam`, sAMAccountName, address, objectGUID or DN."""
        sam = self._names.get(name.lower())
        if sam is not None:
            return self.accounts[sam]
        return next((a for a in self.accounts.values() if a.dn.lower() == name.lower()), None)

    def get(self, name: str) -> DirectoryAccount:
        """Raises `ModelError` where there is none."""
        account = self.find(name)
        if account is None:
            raise ModelError("not-found", f"the directory has no account {name!r}")
        return account

    def check(self, name: str, password: str, *, ntlm: bool = False) -> DirectoryAccount | Denied:
        """One sign-in at the directory; each costs it something, so they are counted."""
        self.sign_ins += 1
        account = self.find(name)
        if account is None or not self._right(account, password, ntlm=ntlm):
            return Denied(Denial.BAD_CREDENTIALS)
        if not account.enabled:
            return Denied(Denial.ACCOUNT_DISABLED)
        if account.must_change:
            return Denied(Denial.PASSWORD_MUST_CHANGE)
        return account

    def accepted(self, account: DirectoryAccount, *, ntlm: bool) -> tuple[str, ...]:
        """Every password that is taken now; the previous one for NTLM alone (KB 906305)."""
        if ntlm and account.previous is not None and self._now() < account.previous[1]:
            return (account.password, account.previous[0])
        return (account.password,)

    def _right(self, account: DirectoryAccount, password: str, *, ntlm: bool) -> bool:
        given = password.encode()
        return any(
            hmac.compare_digest(p.encode(), given) for p in self.accepted(account, ntlm=ntlm)
        )

    def disable(self, name: str) -> None:
        account = self.get(name)
        account.user_account_control |= DISABLED
        self.touch(account)

    def enable(self, name: str) -> None:
        account = self.get(name)
        account.user_account_control &= ~DISABLED
        self.touch(account)

    def set_password(self, name: str, password: str, *, must_change: bool = False) -> None:
        """A reset by an administrator; the one before is taken for a while yet."""
        account = self.get(name)
        account.previous = (account.password, self._now() + self._old_password_s)
        account.password = password
        account.must_change = must_change
        account.pwd_last_set = 0.0 if must_change else self._now()
        self.touch(account)
