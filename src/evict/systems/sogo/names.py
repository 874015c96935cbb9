# SPDX-License-Identifier: Apache-2.0
"""What SOGo makes of a name: its uid, its keys in memcached, the name of a table of its own.

Source: SOGo 5.8.0, SOGoUserManager.m (`_retainUser:withLogin:`), SOGoCache.m (`_cacheValues:`),
SOGoActiveSyncDispatcher.m (`folderTableURL`), NSString+Utilities.m (`asCSSIdentifier`).
"""

from __future__ import annotations

from typing import Final

from evict.config.sogo import SogoSection
from evict.core.account import Account
from evict.core.names import (
    apply_username_format,
    login_forms,
    try_canonical,
    without_sub_address,
)

LONGEST_KEY: Final = 250
"""Bytes; memcached takes no longer one, so SOGo has none cached under it."""
ATTRIBUTES: Final = b"+attributes"
DEFAULTS: Final = "defaults"
SETTINGS: Final = "settings"
ACL: Final = "acl"

_CSS: Final = str.maketrans(
    {
        "_": "_U_",
        ".": "_D_",
        "#": "_H_",
        "@": "_A_",
        "*": "_S_",
        ":": "_C_",
        ";": "_SC_",
        ",": "_CO_",
        " ": "_SP_",
        "'": "_SQ_",
        '"': "_DQ_",
        "(": "_LP_",
        ")": "_RP_",
        "[": "_LS_",
        "]": "_RS_",
        "{": "_LC_",
        "}": "_RC_",
        "&": "_AM_",
        "+": "_P_",
        "$": "_DS_",
        "-": "_",
    }
)
"""`asCSSIdentifier`, and the hyphen that the caller replaces after it."""


class Names:
    """One leaver's names at one SOGo.

    Attributes:
        uid: as SOGo writes it; compared without regard to case.
        forms: canonical names under which a password may be cached. A bare name that only stands
            in an address is none of them: it may be somebody else's uid.
    """

    def __init__(self, section: SogoSection, account: Account) -> None:
        mail = account.addresses[0] if account.addresses else ""
        login = {"sam": account.sam, "upn": account.upn, "mail": mail}[section.uid_from]
        self.uid = apply_username_format(section.username_format, login) if login else ""
        own = try_canonical(self.uid) if self.uid else None
        self.forms = frozenset({*login_forms(account), *((own,) if own else ())})
        raw = (self.uid, account.sam, account.upn, *account.addresses)
        self._spellings = tuple(dict.fromkeys(name for name in raw if name))

    def owns(self, login: str) -> bool:
        """Whether a login, as somebody typed it, is the leaver's."""
        form = try_canonical(login)
        return form is not None and (form in self.forms or without_sub_address(form) in self.forms)

    def guesses(self) -> frozenset[bytes]:
        """Keys that may hold a password, where memcached lists none."""
        names = {*self._spellings, *self.forms}
        keys = (name.encode() + ATTRIBUTES for name in names)
        return frozenset(key for key in keys if len(key) <= LONGEST_KEY)

    def is_key(self, key: bytes) -> bool:
        """Whether it is a key under which the leaver's password may be cached.

        SOGo keeps one entry a spelling: who typed ALICE has an entry of that name.
        """
        if not key.endswith(ATTRIBUTES):
            return False
        try:
            return self.owns(key.removesuffix(ATTRIBUTES).decode())
        except UnicodeDecodeError:
            return False


def key(name: str, kind: str) -> bytes:
    """The key of one kind of cached thing."""
    return f"{name}+{kind}".encode()


def own_cache_table(prefix: str, uid: str) -> str:
    """Where a user's phones are, without OCSCacheFolderURL. PostgreSQL folds the name."""
    start = "_" if uid[:1].isdigit() else ""
    return f"{prefix}_{start}{uid.translate(_CSS)}".lower()
