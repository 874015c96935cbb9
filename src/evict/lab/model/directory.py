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


@dataclass(eq=False)
class DirectoryAccount:
    """One account. `password` stands in plain, as nothing of the lab is secret, but is not shown.

    Attributes:
        previous: earlier passwords, the latest last, each with the instant it was replaced.
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
    previous: list[tuple[str, float]] = field(default_factory=list, repr=False)
    when_changed: float = 0.0
    usn: int = 0
    attributes: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        return not self.user_account_control & DISABLED


class DirectoryState:
    """All accounts of one domain.

    Attributes:
        sign_ins: how often the directory itself was asked.
        usn: highest update number.
    """

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
        if sam in self.accounts:
            raise ModelError("exists", f"there is an account {sam!r} already")
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
        self._index(account)
        return account

    def touch(self, account: DirectoryAccount) -> None:
        """Note that it changed."""
        self.usn += 1
        account.usn = self.usn
        account.when_changed = self._now()

    def _index(self, account: DirectoryAccount) -> None:
        """The first who has a name keeps it."""
        forms = (account.sam, account.upn, f"{self.netbios}\\{account.sam}", account.guid)
        for form in (*forms, account.dn, *account.addresses):
            self._names.setdefault(form.lower(), account.sam)

    def reindex(self) -> None:
        """After names changed."""
        self._names = {}
        for account in self.accounts.values():
            self._index(account)

    def find(self, name: str) -> DirectoryAccount | None:
        r"""By UPN, `DOMAIN\sam`, sAMAccountName, address, objectGUID or DN, in any case."""
        sam = self._names.get(name.lower())
        return None if sam is None else self.accounts.get(sam)

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
        return self.stands(account) or account

    def stands(self, account: DirectoryAccount) -> Denied | None:
        """What keeps somebody out who knows the password."""
        if not account.enabled:
            return Denied(Denial.ACCOUNT_DISABLED)
        if account.must_change:
            return Denied(Denial.PASSWORD_MUST_CHANGE)
        return None

    def ntlm_passwords(self, name: str) -> tuple[str, ...]:
        """What somebody who signs in by NTLM may prove to know; none where nobody may."""
        account = self.find(name)
        if account is None or not account.enabled:
            return ()
        return tuple(self.accepted(account, ntlm=True))

    def accepted(self, account: DirectoryAccount, *, ntlm: bool) -> tuple[str, ...]:
        """Every password that is taken now: NTLM takes the one before for a while (KB 906305).

        Only that one: resetting twice makes the one before useless as well.
        """
        if ntlm and account.previous:
            before, replaced = account.previous[-1]
            if self._now() < replaced + self._old_password_s:
                return (account.password, before)
        return (account.password,)

    def _right(self, account: DirectoryAccount, password: str, *, ntlm: bool) -> bool:
        given = password.encode("utf-8", "surrogatepass")
        return any(
            hmac.compare_digest(p.encode("utf-8", "surrogatepass"), given)
            for p in self.accepted(account, ntlm=ntlm)
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
        """A reset by an administrator."""
        account = self.get(name)
        account.previous.append((account.password, self._now()))
        account.password = password
        account.must_change = must_change
        account.pwd_last_set = 0.0 if must_change else self._now()
        self.touch(account)
