# SPDX-License-Identifier: Apache-2.0
"""Who has this name: exactly one account, or an error. Never the closest match.

A directory compares more loosely than we do, so it only proposes: an account counts where one of
its login forms equals the name in canonical form.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Final

from evict.core.account import Account
from evict.core.errors import AccountAmbiguous, AccountUnknown, NameRefused, RemoteProtocolError
from evict.core.names import canonical, login_forms, without_sub_address
from evict.systems.ldap.filters import Filter, all_of, any_of, equals, starts_with
from evict.systems.ldap.messages import BASE, SUBTREE, Entry
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import Shape, groups_of, read_account

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DN: Final = re.compile(r"[A-Za-z][A-Za-z0-9.-]*=[^,]+,.+=.+")
_HINT_PREFIX: Final = 3
_HINT_LIMIT: Final = 50


async def resolve(servers: Servers[Port], shape: Shape, name: str) -> Account:
    """Find the account with this uid, uid@domain, address, DN or entryUUID.

    A sub-address counts only where the exact address is nobody's.

    Raises:
        NameRefused, AccountUnknown, AccountAmbiguous, SystemFault.
    """
    typed = name.strip()
    if _UUID.fullmatch(typed):
        return await read_account(servers, shape, typed.lower())
    if _DN.fullmatch(typed):
        return await _by_dn(servers, shape, typed)
    try:
        form = canonical(typed)
    except NameRefused as error:
        raise NameRefused(f"{name[:80]!a} is no account's name: {error.text}") from error
    for wanted in dict.fromkeys((form, without_sub_address(form))):
        hits = await _who_has(servers, shape, wanted, typed=typed)
        if len(hits) > 1:
            ids = ", ".join(sorted(hits))
            raise AccountAmbiguous(
                f"{len(hits)} accounts have the name {name!a}; name one by its id: {ids}"
            )
        for entry in hits.values():
            return shape.account(entry, await groups_of(servers, shape, entry))
    raise AccountUnknown(
        f"no account of {shape.name} has the name {name!a}" + await _hint(servers, shape, form)
    )


async def _by_dn(servers: Servers[Port], shape: Shape, dn: str) -> Account:
    if any(unicodedata.category(char) == "Cc" for char in dn):
        raise NameRefused("a DN with control characters is no account's name")
    try:
        found = await servers.on_first(
            lambda port: port.search(dn, BASE, shape.people, shape.attributes)
        )
    except RemoteProtocolError as error:
        # invalidDNSyntax, or a name beyond what this server holds
        raise AccountUnknown(f"no account of {shape.name} has the DN {dn!a}: {error}") from error
    if not found or not is_below(found[0].dn, shape.base):
        raise AccountUnknown(f"no account of {shape.name} has the DN {dn!a}")
    return shape.account(found[0], await groups_of(servers, shape, found[0]))


def is_below(dn: str, base: str) -> bool:
    """Whether an entry lies below a base; both as a server writes them, spaces apart."""
    mine, top = _parts(dn), _parts(base)
    return len(mine) > len(top) and mine[-len(top) :] == top


def is_same(dn: str, other: str) -> bool:
    return _parts(dn) == _parts(other)


def _parts(dn: str) -> list[str]:
    """A comma inside a name is escaped (RFC 4514 section 2.4)."""
    return [part.strip().lower() for part in re.split(r"(?<!\\),", dn)]


async def _who_has(
    servers: Servers[Port], shape: Shape, form: str, *, typed: str
) -> dict[str, Entry]:
    """Entries by id that have exactly this canonical form."""
    what = all_of(shape.people, any_of(*_candidates(shape, form, typed)))
    found = await servers.on_first(
        lambda port: port.search(shape.base, SUBTREE, what, shape.attributes)
    )
    accounts = [(shape.account(entry), entry) for entry in found]
    return {account.id: entry for account, entry in accounts if form in login_forms(account)}


def _candidates(shape: Shape, form: str, typed: str) -> list[Filter]:
    """What to ask for; decomposed and as typed too, where the directory compares octets."""
    parts: list[Filter] = []
    for spelling in dict.fromkeys((form, unicodedata.normalize("NFD", form), typed)):
        parts.append(equals(shape.settings.uid, spelling))
        parts += [equals(attribute, spelling) for attribute in shape.settings.mail]
        local, at, suffix = spelling.rpartition("@")
        prefix, backslash, user = spelling.rpartition("\\")
        if at and suffix.lower() == shape.domain:
            parts.append(equals(shape.settings.uid, local))
        if backslash and prefix.lower() == shape.domain:
            parts.append(equals(shape.settings.uid, user))
    return parts


async def _hint(servers: Servers[Port], shape: Shape, form: str) -> str:
    """Names that begin alike and are close, for the person who mistyped; nothing acts on them."""
    user = form.rpartition("\\")[2].partition("@")[0]
    if len(user) < _HINT_PREFIX:
        return ""
    uid = shape.settings.uid
    what = all_of(shape.people, starts_with(uid, user[:_HINT_PREFIX]))
    found = await servers.on_first(
        lambda port: port.search(shape.base, SUBTREE, what, [uid], limit=_HINT_LIMIT)
    )
    close = difflib.get_close_matches(user, [e.text(uid) for e in found], n=3, cutoff=0.7)
    return f"; near: {', '.join(close)}" if close else ""
