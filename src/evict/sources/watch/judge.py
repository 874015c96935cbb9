# SPDX-License-Identifier: Apache-2.0
"""What one record of a directory means: pure, and the same for a change and for a comparison."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from evict.config.watch import WatchSection
from evict.core.dn import dn_key, is_below
from evict.core.presence import Presence, Sign


class Memory(Struct, frozen=True, kw_only=True):
    """What is remembered of one account between two looks; nothing is remembered as an empty one.

    Attributes:
        signs: by what it was seen to have left, dealt with already: only another sign is news.
        expires_at: an expiry in the future: the directory makes no event when it passes.
        password_set: the directory's mark of the last password change, kept only where a reset is
            a sign: an account that is new must change its password too, and has not left.
    """

    signs: tuple[Sign, ...] = ()
    expires_at: datetime | None = None
    password_set: str = ""

    def __bool__(self) -> bool:
        return bool(self.signs or self.expires_at or self.password_set)


NOTHING = Memory()


class Rules(Struct, frozen=True, kw_only=True):
    """What the estate takes for a sign. DNs are compared in one spelling (`core.dn`)."""

    recognised: frozenset[Sign]
    units: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()


def rules_of(section: WatchSection) -> Rules:
    return Rules(
        recognised=frozenset(Sign(word) for word in section.recognise),
        units=tuple(map(dn_key, section.leavers_units)),
        groups=frozenset(map(dn_key, section.leavers_groups)),
    )


class Judgement(Struct, frozen=True, kw_only=True):
    """What follows from a record.

    Attributes:
        signs: signs that are news: the account has left. Empty: it has not, or that is known.
        memory: to be remembered once that was dealt with.
        returned: it had left by what is remembered, and no sign of that is left.
        alive: nothing says that it left; where the ledger says revoked, somebody opened it.
    """

    signs: tuple[Sign, ...]
    memory: Memory
    returned: bool
    alive: bool


def judge(presence: Presence, memory: Memory, rules: Rules, now: datetime) -> Judgement:
    """Compare a record with what is remembered of the account.

    Args:
        now: aware; decides about expiry alone.
    """
    seen = _signs(presence, memory, rules, now)
    news = tuple(sign for sign in seen if sign not in memory.signs)
    expires = presence.expires_at
    keeps = Sign.PASSWORD_RESET in rules.recognised
    return Judgement(
        signs=news,
        memory=Memory(
            signs=seen,
            expires_at=expires if expires is not None and expires > now else None,
            password_set=presence.password_set if keeps else "",
        ),
        returned=bool(memory.signs) and not seen,
        alive=not seen and presence.account.enabled and not presence.deleted,
    )


def _signs(presence: Presence, memory: Memory, rules: Rules, now: datetime) -> tuple[Sign, ...]:
    """Every recognised sign that the record shows, in the order of `Sign`."""
    account, expires = presence.account, presence.expires_at
    shown = {
        Sign.DISABLED: not account.enabled and not presence.deleted,
        Sign.DELETED: presence.deleted,
        Sign.MOVED: _is_below(account.dn, rules.units) or _is_in(account.groups, rules.groups),
        Sign.EXPIRED: expires is not None and expires <= now,
        Sign.PASSWORD_RESET: _was_reset(presence, memory),
    }
    return tuple(sign for sign in Sign if shown[sign] and sign in rules.recognised)


def _was_reset(presence: Presence, memory: Memory) -> bool:
    if Sign.PASSWORD_RESET in memory.signs:
        return presence.must_change_password
    changed = memory.password_set not in ("", presence.password_set)
    return presence.must_change_password and changed


def _is_below(dn: str, units: tuple[str, ...]) -> bool:
    key = dn_key(dn) if units else ""
    return any(is_below(key, unit) for unit in units)


def _is_in(groups: Collection[str], wanted: Collection[str]) -> bool:
    return bool(wanted) and any(dn_key(dn) in wanted for dn in groups)
