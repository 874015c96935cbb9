# SPDX-License-Identifier: Apache-2.0
"""Disable, and rotate the password twice. Both look first, so a repeat writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from evict.core.account import Account
from evict.core.errors import AccountUnknown, Uncertain, Unreachable
from evict.core.measure import Effect, EffectKind
from evict.core.secret import Secret
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.reading import ACCOUNT_DISABLED, guid_dn
from evict.systems.active_directory.refusals import password_is_right, write_fault
from evict.systems.base import Order, Passwords
from evict.systems.ldap import messages
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import ADD, BASE, DELETE, REPLACE, Change, Entry

UAC: Final = "userAccountControl"
PWD_LAST_SET: Final = "pwdLastSet"  # noqa: S105 - an attribute's name

RESET_RIGHT: Final = "the extended right Reset Password (00299570-246d-11d0-a768-00aa006e0529)"
UAC_RIGHT: Final = f"write property {UAC}"
PWD_LAST_SET_RIGHT: Final = f"write property {PWD_LAST_SET}"

_TRIES: Final = 3
_CLOCKS_APART: Final = timedelta(minutes=10)
"""Kerberos allows clocks 5 minutes apart (RFC 4120 section 1.6); twice that is surely older."""
_FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)


class Rotation(Struct, frozen=True, kw_only=True):
    """What is to be set, and how long the password before the last counts.

    Attributes:
        now: aware UTC.
    """

    order: Order
    passwords: Passwords
    remembered: timedelta
    now: datetime


async def read_state(port: Port, account: Account) -> Entry:
    """The attributes that measures are about. Raises `AccountUnknown` where it is gone."""
    found = await port.search(
        guid_dn(account.id), BASE, ANYTHING, [UAC, PWD_LAST_SET, "distinguishedName"]
    )
    if not found:
        raise AccountUnknown(f"{account.upn} is gone from {port.name}")
    return found[0]


def swap(attribute: str, old: int, new: int) -> tuple[Change, Change]:
    """Compare-and-set in one modify: deleting a value that is not there fails with result 16."""
    return (
        Change(kind=DELETE, attribute=attribute, values=(str(old).encode(),)),
        Change(kind=ADD, attribute=attribute, values=(str(new).encode(),)),
    )


async def disable(port: Port, account: Account, measure: str) -> Effect:
    """Set ACCOUNT_DISABLE and nothing else; repeated where another write came between."""
    for _ in range(_TRIES):
        old = (await read_state(port, account)).number(UAC)
        if old & ACCOUNT_DISABLED:
            return Effect(measure=measure, kind=EffectKind.UNCHANGED, detail="disabled already")
        new = old | ACCOUNT_DISABLED
        result = await port.modify(guid_dn(account.id), swap(UAC, old, new))
        if result.code == messages.SUCCESS:
            detail = f"disabled on {port.name}"
            return Effect(measure=measure, kind=EffectKind.DONE, detail=detail)
        if result.code != messages.NO_SUCH_ATTRIBUTE:
            raise write_fault(
                result, account, system=port.system, doing=f"change {UAC}", right=UAC_RIGHT
            )
    raise Unreachable(f"{UAC} changed at each try on {port.name}", system=port.system)


async def rotate(
    port: Port, account: Account, measure: str, *, wanted: Rotation
) -> tuple[Effect, int]:
    """Set the first derived password, then the second: one reset leaves the old one alive.

    Quirk: Samba 4.17 and Windows accept the password before the last for 60 minutes
    (OldPasswordAllowedPeriod) where the domain's pwdHistoryLength is 2 or more.

    Returns:
        The effect, and the pwdLastSet that stands with the second password.
    """
    state = await read_state(port, account)
    missing = await _not_yet_set(port, state, wanted)
    if not missing:
        detail = "the second password is set already"
        effect = Effect(measure=measure, kind=EffectKind.UNCHANGED, detail=detail)
        return effect, state.number(PWD_LAST_SET)
    await _set(port, account, missing)
    if len(missing) == 1 and not await _is_taken(port, state, wanted.passwords.first):
        # The one before the second is not our first: somebody set another in between.
        await _set(port, account, (wanted.passwords.first, wanted.passwords.second))
    try:
        after = (await read_state(port, account)).number(PWD_LAST_SET)
    except Unreachable as error:
        raise Uncertain(f"set, and not seen again: {error.text}", system=port.system) from error
    times = "twice" if len(missing) == 2 else "a second time"
    detail = f"password set {times} on {port.name}"
    return Effect(measure=measure, kind=EffectKind.DONE, detail=detail), after


async def _set(port: Port, account: Account, passwords: tuple[Secret, ...]) -> None:
    for password in passwords:
        result = await port.modify(guid_dn(account.id), [password_change(password)])
        if result.code != messages.SUCCESS:
            raise write_fault(
                result, account, system=port.system, doing="set the password", right=RESET_RIGHT
            )


async def _not_yet_set(port: Port, state: Entry, wanted: Rotation) -> tuple[Secret, ...]:
    """Which of the two are still to be set, told by binds that a disabled account refuses apart.

    Two passwords can be taken at one time, the last and the one before. So the second alone
    proves nothing while the one before still counts: somebody may have set another since. Both
    of ours taken means that nobody's else is. A password older than the order is surely not
    ours: that look costs no failed bind.
    """
    first, second = wanted.passwords.first, wanted.passwords.second
    set_at = filetime(state.number(PWD_LAST_SET))
    if set_at is not None and set_at < wanted.order.commit_at - _CLOCKS_APART:
        return (first, second)
    if await _is_taken(port, state, second):
        settled = set_at is not None and set_at + wanted.remembered + _CLOCKS_APART < wanted.now
        ours = settled or await _is_taken(port, state, first)
        return () if ours else (first, second)
    return (second,) if await _is_taken(port, state, first) else (first, second)


async def _is_taken(port: Port, state: Entry, password: Secret) -> bool:
    return password_is_right(await port.try_bind(state.dn, password))


def password_change(password: Secret) -> Change:
    """Reset, not change: in quotes, UTF-16LE (MS-ADTS 3.1.1.3.1.5.1)."""
    quoted = f'"{password.reveal()}"'.encode("utf-16-le")
    return Change(kind=REPLACE, attribute="unicodePwd", values=(quoted,))


def filetime(value: int) -> datetime | None:
    """From 100 ns since 1601 (MS-DTYP 2.3.3); None for 0, which means `must be changed`."""
    return _FILETIME_EPOCH + timedelta(microseconds=value // 10) if value > 0 else None
