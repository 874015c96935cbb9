# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

from evict.core.account import Account
from evict.core.errors import GuardRefused
from evict.core.names import login_forms, try_canonical


def refuse_protected(
    account: Account, *, ids: Iterable[str], names: Iterable[str], groups: Iterable[str]
) -> None:
    """Raise `GuardRefused` where the configuration protects this account.

    Args:
        ids: immutable ids, any case.
        names: any name an account can have; compared in canonical form.
        groups: distinguished names or common names of groups, any case, nested membership counts.
    """
    if account.id in {i.strip().strip("{}").lower() for i in ids}:
        raise GuardRefused(f"{account.upn} is protected by its id in [protected]")
    mine = set(login_forms(account))
    for name in names:
        form = try_canonical(name)
        if form is not None and (form in mine or form == try_canonical(account.sam)):
            raise GuardRefused(f"{account.upn} is protected by its name in [protected]")
    wanted = {g.strip().lower() for g in groups}
    for dn in account.groups:
        common_name = dn.split(",", 1)[0].partition("=")[2].lower()
        if dn.lower() in wanted or common_name in wanted:
            raise GuardRefused(f"{account.upn} is protected as a member of {dn}")
