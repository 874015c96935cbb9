# SPDX-License-Identifier: Apache-2.0
"""What a directory shows of one account as far as leaving goes, and what that means. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from evict.core.account import Account


class Sign(StrEnum):
    """By what a directory says that somebody left."""

    DISABLED = "disabled"
    DELETED = "deleted"
    MOVED = "moved"
    """It lies in a leavers' unit, or is a member of a leavers' group."""
    EXPIRED = "expired"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - a word
    """Somebody else set its password: it must be changed at the next sign-in."""


class Presence(Struct, frozen=True, kw_only=True):
    """One account as the directory shows it, read whole. Never made from an answer's absence.

    Attributes:
        account: of a deleted one: as far as the tombstone keeps it (the id always).
        deleted: a tombstone was seen: positive word that it was deleted.
        expires_at: when its expiry passes; None where it never does.
        must_change_password: its password was set by somebody else (pwdLastSet is 0).
        password_set: the directory's own mark of the last password change; compared, not read.
    """

    account: Account
    deleted: bool = False
    expires_at: datetime | None = None
    must_change_password: bool = False
    password_set: str = ""
