# SPDX-License-Identifier: Apache-2.0
"""Who has this name: exactly one account, or an error. Never the closest match.

A directory compares more loosely than we do (Active Directory ignores case, width and accents), so
it only proposes: an account counts where one of its login forms equals the name in canonical form.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Final

from evict.core.account import Account
from evict.core.errors import AccountAmbiguous, AccountUnknown, NameRefused
from evict.core.names import canonical, login_forms, without_sub_address
from evict.systems.active_directory.controllers import Controllers, Domain
from evict.systems.active_directory.reading import (
    ATTRIBUTES,
    PEOPLE,
    account_of,
    groups_of,
    read_account,
)
from evict.systems.ldap import filters
from evict.systems.ldap.messages import SUBTREE, Entry

_GUID: Final = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_HINT_PREFIX: Final = 3
_HINT_LIMIT: Final = 50


async def resolve(controllers: Controllers, base: str, name: str) -> Account:
    r"""Find the account with this UPN, `DOMAIN\user`, sAMAccountName, address or objectGUID.

    A sub-address counts only where the exact address is nobody's.

    Raises:
        NameRefused, AccountUnknown, AccountAmbiguous, SystemFault.
    """
    guid = _GUID.fullmatch(name.strip())
    if guid:
        return await read_account(controllers, guid.group(1).lower())
    try:
        form = canonical(name.strip())
    except NameRefused as error:
        raise NameRefused(f"{name[:80]!a} is no account's name: {error.text}") from error
    domain = await controllers.domain()
    forms = dict.fromkeys((form, without_sub_address(form)))
    for wanted in forms:
        hits = await _who_has(controllers, base, domain, wanted, typed=name.strip())
        if len(hits) > 1:
            ids = ", ".join(sorted(hits))
            raise AccountAmbiguous(
                f"{len(hits)} accounts have the name {name!a}; name one by its id: {ids}"
            )
        for entry in hits.values():
            groups = await groups_of(controllers, entry)
            return account_of(entry, domain, directory=controllers.system, groups=groups)
    raise AccountUnknown(
        f"no account of {domain.dns_domain} has the name {name!a}"
        + await _hint(controllers, base, form)
    )


async def _who_has(
    controllers: Controllers, base: str, domain: Domain, form: str, *, typed: str
) -> dict[str, Entry]:
    """Entries by objectGUID that have exactly this canonical form."""
    candidates = _candidates(form, domain, typed)
    if not candidates:
        return {}
    what = filters.all_of(PEOPLE, filters.any_of(*candidates))
    found = await controllers.on_first(lambda port: port.search(base, SUBTREE, what, ATTRIBUTES))
    accounts = [(account_of(e, domain, directory=controllers.system), e) for e in found]
    return {account.id: entry for account, entry in accounts if form in login_forms(account)}


def _candidates(form: str, domain: Domain, typed: str) -> list[filters.Filter]:
    """What to ask for; decomposed and as typed too, where the directory compares octets."""
    parts: list[filters.Filter] = []
    for spelling in dict.fromkeys((form, unicodedata.normalize("NFD", form), typed)):
        prefix, backslash, user = spelling.rpartition("\\")
        local, at, suffix = spelling.rpartition("@")
        ours = (domain.dns_domain, domain.netbios.lower())
        if backslash:
            if prefix.lower() in ours:
                parts.append(filters.equals("sAMAccountName", user))
        elif at:
            parts.append(filters.equals("userPrincipalName", spelling))
            parts.append(filters.equals("mail", spelling))
            parts.append(filters.equals("proxyAddresses", f"smtp:{spelling}"))
            if suffix.lower() in ours:
                parts.append(filters.equals("sAMAccountName", local))
        else:
            parts.append(filters.equals("sAMAccountName", spelling))
            parts.append(filters.equals("userPrincipalName", spelling))
    return parts


async def _hint(controllers: Controllers, base: str, form: str) -> str:
    """Names that begin alike and are close, for the person who mistyped; nothing acts on them."""
    user = form.rpartition("\\")[2].partition("@")[0]
    if len(user) < _HINT_PREFIX:
        return ""
    what = filters.all_of(PEOPLE, filters.starts_with("sAMAccountName", user[:_HINT_PREFIX]))
    found = await controllers.on_first(
        lambda port: port.search(base, SUBTREE, what, ["sAMAccountName"], limit=_HINT_LIMIT)
    )
    names = [entry.text("sAMAccountName") for entry in found]
    close = difflib.get_close_matches(user, names, n=3, cutoff=0.7)
    return f"; near: {', '.join(close)}" if close else ""
