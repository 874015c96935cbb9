# SPDX-License-Identifier: Apache-2.0
"""Reinstatement: put back the bits that Evict set, and set a password that must be changed."""

from __future__ import annotations

import secrets

from evict.core.account import Account
from evict.core.errors import Unreachable
from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.core.secret import Secret
from evict.systems.active_directory.measures import (
    PWD_LAST_SET,
    PWD_LAST_SET_RIGHT,
    RESET_RIGHT,
    UAC,
    UAC_RIGHT,
    password_change,
    read_state,
    swap,
)
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.reading import PASSWORD_NEVER_EXPIRES, guid_dn
from evict.systems.active_directory.refusals import write_fault
from evict.systems.ldap import messages
from evict.systems.ldap.messages import REPLACE, Change


async def undo(port: Port, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
    """Undo a disable by its image; a password has none and is set afresh instead.

    Only the bits that Evict changed are ever put back. Where others changed meanwhile, that is
    shown and left, unless `overwrite`: then our bits are put back and the others' stay.
    """
    if UAC not in image.before:
        return Effect(
            measure=image.measure,
            kind=EffectKind.UNCHANGED,
            detail="a password is not put back: a fresh one is set",
        )
    before, after = int(image.before[UAC]), int(image.after[UAC])
    ours = before ^ after
    now = (await read_state(port, account)).number(UAC)
    if now & ours == before & ours:
        return Effect(measure=image.measure, kind=EffectKind.UNCHANGED, detail=_drift(now, before))
    if now != after and not overwrite:
        return Effect(measure=image.measure, kind=EffectKind.DRIFTED, detail=_drift(now, after))
    new = (now & ~ours) | (before & ours)
    result = await port.modify(guid_dn(account.id), swap(UAC, now, new))
    if result.code == messages.NO_SUCH_ATTRIBUTE:
        raise Unreachable(f"{UAC} changed just now on {port.name}; try again", system=port.system)
    if result.code != messages.SUCCESS:
        raise write_fault(
            result, account, system=port.system, doing=f"change {UAC}", right=UAC_RIGHT
        )
    detail = f"enabled on {port.name}" + (f"; {_drift(now, after)}" if now != after else "")
    return Effect(measure=image.measure, kind=EffectKind.DONE, detail=detail)


async def set_fresh_password(port: Port, account: Account, password: Secret) -> bool:
    """Set it, after one that nobody knows, so that it must be changed at the next sign-in.

    The password before the last is taken for an hour: without the one in between that would be
    the second derived one. The last one and its mark are one modify, both or neither.

    Returns:
        Whether it must be changed: of a password that never expires the directory asks nothing.

    Raises:
        AccessRefused, Unsupported (the domain's password policy), Unreachable, Uncertain.
    """
    control = (await read_state(port, account)).number(UAC)
    between = Secret("Ev1-" + secrets.token_urlsafe(24))
    must_change = Change(kind=REPLACE, attribute=PWD_LAST_SET, values=(b"0",))
    for changes in ([password_change(between)], [password_change(password), must_change]):
        result = await port.modify(guid_dn(account.id), changes)
        if result.code != messages.SUCCESS:
            raise write_fault(
                result,
                account,
                system=port.system,
                doing="set the password",
                right=f"{RESET_RIGHT} and {PWD_LAST_SET_RIGHT}",
            )
    return not control & PASSWORD_NEVER_EXPIRES


def _drift(now: int, expected: int) -> str:
    if now == expected:
        return f"{UAC} is {now} already"
    return f"{UAC} is {now} and not {expected} (bits 0x{now ^ expected:x} changed by others)"
