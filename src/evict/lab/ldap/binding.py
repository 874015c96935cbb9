# SPDX-License-Identifier: Apache-2.0
"""Who a bind is, and whether they are let in."""

from __future__ import annotations

from evict.lab.ldap import results, syntax
from evict.lab.ldap.entries import AccountEntry
from evict.lab.ldap.results import Refused
from evict.lab.ldap.tree import Tree
from evict.lab.model.directory import DirectoryAccount
from evict.lab.model.words import Denied


def bind(tree: Tree, name: str, password: str) -> DirectoryAccount | None:
    """A simple bind; None: anonymous, as without a name or without a password (RFC 4513 5.1.2).

    The password before the last is taken for an hour after a reset, as over NTLM (KB 906305; that
    a simple bind does so too is measured of Samba 4.17, and assumed of Windows). A password is
    looked at first: only who knows it hears that the account is disabled.

    Raises:
        Refused: with the code that Active Directory gives.
    """
    if not password:
        return None
    account = named(tree, name)
    if account is None:
        raise _refused(results.WRONG_PASSWORD)
    checked = tree.directory.check(account.guid, password, ntlm=True)
    if isinstance(checked, Denied):
        raise _refused(results.BIND_DATA.get(checked.denial, results.WRONG_PASSWORD))
    if _expired(account, tree.now()):
        raise _refused(results.EXPIRED)
    return checked


def named(tree: Tree, name: str) -> DirectoryAccount | None:
    r"""The account of a distinguished name, `DOMAIN\user`, or user@domain (MS-ADTS 5.1.1.1.1)."""
    directory = tree.directory
    prefix, backslash, sam = name.partition("\\")
    if backslash:
        ours = prefix.lower() in (directory.netbios.lower(), directory.domain.lower())
        return _only(tree, sam=sam) if ours else None
    if "=" in name or name.startswith("<"):
        entry = tree.locate(name)
        return entry.account if isinstance(entry, AccountEntry) else None
    local, at, suffix = name.rpartition("@")
    if not at:
        return None
    found = _only(tree, upn=name)
    if found is None and suffix.lower() == directory.domain.lower():
        found = _only(tree, sam=local)
    return found


def _only(tree: Tree, *, sam: str = "", upn: str = "") -> DirectoryAccount | None:
    for account in tree.directory.accounts.values():
        if sam and account.sam.lower() == sam.lower():
            return account
        if upn and account.upn.lower() == upn.lower():
            return account
    return None


def _expired(account: DirectoryAccount, now: float) -> bool:
    held = account.attributes.get("accountexpires")
    ends = int(held[0]) if held else 0
    return 0 < ends < syntax.NEVER and now >= syntax.instant(ends)


def _refused(data: str) -> Refused:
    return Refused(results.INVALID_CREDENTIALS, results.bind_text(data))
