# SPDX-License-Identifier: Apache-2.0
"""Accounts that the configuration keeps from being closed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from evict.core.account import Account
from evict.core.dn import dn_key
from evict.core.errors import ConfigError, NameRefused
from evict.core.names import canonical, login_forms, try_canonical

_FIRST_RDN: Final = re.compile(r"[^=]*=((?:[^\\,]|\\.)*)")
_ESCAPE: Final = re.compile(r"\\([0-9a-f]{2})|\\(.)", re.IGNORECASE)


class Shield(StrEnum):
    """What keeps an account from being closed."""

    BREAK_GLASS = "break-glass"
    """Nothing and nobody closes it through Evict."""
    OURS = "ours"
    """Evict works with it: closing it would be the last thing that Evict does."""
    PROTECTED = "protected"
    """[protected]: refused, or held where two people approve."""


class Shielded(Struct, frozen=True, kw_only=True):
    by: Shield
    sentence: str


class Protection:
    """The lists of the configuration, read once.

    Args:
        ids: immutable ids, any case, with or without braces.
        names: any name an account can have; compared in canonical form.
        groups: distinguished names or common names of groups, any case, nested membership counts.
        break_glass: ids or names.
        own_account: the name Evict itself works with.

    Raises:
        ConfigError: an id or a name can be nobody's; passed over, it would protect nobody.
    """

    def __init__(
        self,
        *,
        ids: Iterable[str] = (),
        names: Iterable[str] = (),
        groups: Iterable[str] = (),
        break_glass: Iterable[str] = (),
        own_account: str = "",
    ) -> None:
        self._ids = frozenset(map(_id, ids))
        self._names = frozenset(map(_name, names))
        named = tuple(groups)
        self._groups = frozenset((*map(dn_key, named), *(g.strip().lower() for g in named)))
        glass = tuple(break_glass)
        self._glass_ids = frozenset(found for text in glass if (found := _try_id(text)))
        self._glass_names = frozenset(_glass(text) for text in glass if not _try_id(text))
        self._own = try_canonical(own_account)
        self._own_dn = dn_key(own_account)

    def of(self, account: Account, forms: tuple[str, ...] = ()) -> Shielded | None:
        """What keeps this account from being closed, the strongest first.

        Args:
            forms: its login forms, where the caller has them.
        """
        forms = forms or login_forms(account)
        who = account.upn
        if account.id in self._glass_ids or not self._glass_names.isdisjoint(forms):
            text = f"{who} is a break-glass account: nothing closes it through Evict"
            return Shielded(by=Shield.BREAK_GLASS, sentence=text)
        if self._own_dn and (self._own in forms or self._own_dn == dn_key(account.dn)):
            text = f"{who} is the account that Evict itself works with"
            return Shielded(by=Shield.OURS, sentence=text)
        where = self._protected(account, forms)
        if where:
            return Shielded(by=Shield.PROTECTED, sentence=f"{who} is protected {where}")
        return None

    def _protected(self, account: Account, forms: tuple[str, ...]) -> str:
        if account.id in self._ids:
            return "by its id in [protected]"
        if not self._names.isdisjoint(forms):
            return "by its name in [protected]"
        if self._groups:
            for dn in account.groups:
                if dn_key(dn) in self._groups or _common_name(dn).lower() in self._groups:
                    return f"as a member of {dn}"
        return ""


def _try_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError:
        return None


def _id(text: str) -> str:
    found = _try_id(text)
    if found is None:
        raise ConfigError(f"[protected] ids: {text!r} is no objectGUID")
    return found


def _name(text: str, where: str = "[protected] names") -> str:
    try:
        return canonical(text.strip())
    except NameRefused as error:
        raise ConfigError(f"{where}: {text!r}: {error.text}") from error


def _glass(text: str) -> str:
    return _name(text, "[guard] break_glass")


def _common_name(dn: str) -> str:
    """The value of the first RDN without its escapes (RFC 4514 section 2.4)."""
    first = _FIRST_RDN.match(dn)
    if first is None:
        return dn
    pieces = _ESCAPE.split(first[1])
    # split() gives text, hex or None, sign or None, text, ...
    octets = b"".join(
        bytes.fromhex(piece) if index % 3 == 1 else piece.encode()
        for index, piece in enumerate(pieces)
        if piece is not None
    )
    return octets.decode("utf-8", "replace")
