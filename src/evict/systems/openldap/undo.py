# SPDX-License-Identifier: Apache-2.0
"""Reinstatement: take the lock back, and set a password that must be changed."""

from __future__ import annotations

from evict.core.account import Account
from evict.core.errors import Unreachable
from evict.core.measure import BeforeImage, Effect, EffectKind
from evict.core.secret import Secret
from evict.systems.ldap import messages
from evict.systems.ldap.filters import all_of, equals
from evict.systems.ldap.messages import REPLACE, SUBTREE, Change, Entry
from evict.systems.openldap.measures import is_disabled, lock_attribute, read_state, swap
from evict.systems.openldap.port import Port, write_fault
from evict.systems.openldap.reading import LOCK, PASSWORD, RESET, Shape, is_locked


def values_of(entry: Entry, attribute: str) -> str:
    """All values as one text, for an image; "" where it is not there."""
    return "\n".join(entry.texts(attribute))


async def undo(
    port: Port, shape: Shape, account: Account, image: BeforeImage, *, overwrite: bool
) -> Effect:
    """Undo a disable by its image; a password has none and is set afresh instead.

    A lock that is gone already is left so: a reset of the password takes it away too. Where
    others wrote something else meanwhile, that is shown and left, unless `overwrite`.
    """
    attribute = next(iter(image.after), "")
    if not attribute:
        detail = "a password is not put back: a fresh one is set"
        return Effect(measure=image.measure, kind=EffectKind.UNCHANGED, detail=detail)
    before, after = image.before.get(attribute, ""), image.after[attribute]
    entry = await read_state(port, shape, account)
    now = values_of(entry, attribute)
    if now == before or (attribute == LOCK and not is_locked(entry)):
        detail = f"{attribute} is as it was" if now == before else f"{attribute} is no lock of ours"
        return Effect(measure=image.measure, kind=EffectKind.UNCHANGED, detail=detail)
    if now != after and not overwrite:
        detail = f"{attribute} was changed by others"
        return Effect(measure=image.measure, kind=EffectKind.DRIFTED, detail=detail)
    old, new = entry.attributes.get(attribute.lower(), ()), _split(before)
    result = await port.modify(entry.dn, swap(attribute, old, new))
    if result.code == messages.NO_SUCH_ATTRIBUTE:
        text = f"{attribute} changed just now on {port.name}; try again"
        raise Unreachable(text, system=port.system)
    if result.code != messages.SUCCESS:
        raise write_fault(result, account, system=port.system, doing="enable", attribute=attribute)
    detail = f"enabled on {port.name}"
    return Effect(measure=image.measure, kind=EffectKind.DONE, detail=detail)


def _split(text: str) -> tuple[bytes, ...]:
    return tuple(line.encode() for line in text.split("\n")) if text else ()


async def set_fresh_password(port: Port, shape: Shape, account: Account, password: Secret) -> bool:
    """Set it so that it must be changed at the next sign-in, and leave the lock as it stood.

    Quirk: slapd 2.5 takes the lock away with the password; the undo of the disable decides that,
    so a lock that stands is set again.

    Returns:
        Whether it must be changed: only a policy with pwdMustChange TRUE minds pwdReset.

    Raises:
        AccessRefused, Unsupported (the directory's password policy), Unreachable, Uncertain.
    """
    entry = await read_state(port, shape, account)
    lock = lock_attribute(shape)
    stood = is_disabled(shape, entry)
    result = await port.set_password(entry.dn, password)
    if result.code != messages.SUCCESS:
        raise write_fault(
            result, account, system=port.system, doing="set the password", attribute=PASSWORD
        )
    if stood and lock == LOCK:
        values = entry.attributes[LOCK.lower()]
        again = Change(kind=REPLACE, attribute=LOCK, values=values)
        result = await port.modify(entry.dn, [again])
        if result.code != messages.SUCCESS:
            raise write_fault(result, account, system=port.system, doing="lock", attribute=LOCK)
    must_change = Change(kind=REPLACE, attribute=RESET, values=(b"TRUE",))
    result = await port.modify(entry.dn, [must_change])
    return result.code == messages.SUCCESS and await _policy_asks(port, shape)


async def _policy_asks(port: Port, shape: Shape) -> bool:
    """Whether the overlay is at work, and a policy is to be seen that minds pwdReset.

    That is pwdMustChange (slapo-ppolicy(5)).
    """
    what = all_of(equals("objectClass", "pwdPolicy"), equals("pwdMustChange", "TRUE"))
    seen = await port.search(shape.base, SUBTREE, what, ["1.1"], limit=1)
    return bool(seen) and await port.has_policy_overlay()
