# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Final

from evict.core.account import Account
from evict.core.errors import ConfigError, GuardRefused, NameRefused
from evict.core.names import canonical, login_forms

_FIRST_RDN: Final = re.compile(r"[^=]*=((?:[^\\,]|\\.)*)")
_ESCAPE: Final = re.compile(r"\\([0-9a-f]{2})|\\(.)", re.IGNORECASE)


def refuse_protected(
    account: Account, *, ids: Iterable[str], names: Iterable[str], groups: Iterable[str]
) -> None:
    """Raise `GuardRefused` where the configuration protects this account.

    Args:
        ids: immutable ids, any case, with or without braces.
        names: any name an account can have; compared in canonical form.
        groups: distinguished names or common names of groups, any case, nested membership counts.

    Raises:
        ConfigError: an id or a name can be nobody's; passed over, it would protect nobody.
    """
    if account.id in {_id(text) for text in ids}:
        raise GuardRefused(f"{account.upn} is protected by its id in [protected]")
    if not set(login_forms(account)).isdisjoint({_name(text) for text in names}):
        raise GuardRefused(f"{account.upn} is protected by its name in [protected]")
    wanted = {group.strip().lower() for group in groups}
    for dn in account.groups:
        if dn.lower() in wanted or _common_name(dn).lower() in wanted:
            raise GuardRefused(f"{account.upn} is protected as a member of {dn}")


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError as error:
        raise ConfigError(f"[protected] ids: {text!r} is no objectGUID") from error


def _name(text: str) -> str:
    try:
        return canonical(text.strip())
    except NameRefused as error:
        raise ConfigError(f"[protected] names: {text!r}: {error.text}") from error


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
