# SPDX-License-Identifier: Apache-2.0
"""Lock, and set a password that nobody knows. Both look first, so a repeat writes nothing.

Quirk: slapd 2.5 with its overlay ppolicy takes the lock away with every change of the password,
but where the same modify sets the lock too. So whatever sets the password sets the lock again.
Quirk: slapd minds the lock only where the account's policy has pwdLockout TRUE; without the
overlay it keeps the attribute and minds nothing. So a bind tells whether the lock counts, and
where it does not, a password is set that nothing matches.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from evict.core.account import Account
from evict.core.errors import AccountUnknown, Uncertain, Unreachable, Unsupported
from evict.core.measure import Effect, EffectKind
from evict.core.secret import Secret
from evict.systems.ldap import messages
from evict.systems.ldap.filters import all_of, equals
from evict.systems.ldap.messages import ADD, DELETE, REPLACE, SUBTREE, Change, Entry
from evict.systems.openldap.port import Port, fault, write_fault
from evict.systems.openldap.reading import (
    CHANGED,
    CLOSED,
    ENTRY_UUID,
    LOCK,
    LOCKED,
    PASSWORD,
    Shape,
    is_locked,
)

_TRIES: Final = 3
_SHA1_OCTETS: Final = 20


async def read_state(port: Port, shape: Shape, account: Account) -> Entry:
    """The attributes that measures are about. Raises `AccountUnknown` where it is gone."""
    what = all_of(shape.people, equals(ENTRY_UUID, account.id))
    found = await port.search(shape.base, SUBTREE, what, [*shape.attributes, PASSWORD])
    if not found:
        raise AccountUnknown(f"{account.id} is gone from {port.name}")
    return found[0]


def lock_attribute(shape: Shape) -> str:
    """What a disable writes: "" where only the password is set."""
    if shape.settings.disable_by == "attribute":
        return shape.settings.disabled_attribute or ""
    return LOCK if shape.settings.disable_by == "ppolicy" else ""


def lock_value(shape: Shape) -> str:
    return LOCKED if lock_attribute(shape) == LOCK else shape.settings.disabled_value


def is_disabled(shape: Shape, entry: Entry) -> bool:
    """Whether the disable that this estate uses stands."""
    return is_locked(entry) if lock_attribute(shape) == LOCK else shape.is_marked(entry)


def lock_change(shape: Shape) -> list[Change]:
    attribute = lock_attribute(shape)
    values = (lock_value(shape).encode(),)
    return [Change(kind=REPLACE, attribute=attribute, values=values)] if attribute else []


def swap(attribute: str, old: tuple[bytes, ...], new: tuple[bytes, ...]) -> list[Change]:
    """Compare-and-set in one modify: deleting a value that is not there fails with result 16."""
    parts = [(DELETE, old), (ADD, new)]
    return [Change(kind=kind, attribute=attribute, values=v) for kind, v in parts if v]


async def disable(port: Port, shape: Shape, account: Account, measure: str) -> Effect:
    """Set the lock and nothing else; repeated where another write came between."""
    attribute = lock_attribute(shape)
    for _ in range(_TRIES):
        entry = await read_state(port, shape, account)
        if is_disabled(shape, entry):
            return Effect(measure=measure, kind=EffectKind.UNCHANGED, detail="disabled already")
        old = entry.attributes.get(attribute.lower(), ())
        changes = swap(attribute, old, (lock_value(shape).encode(),))
        result = await port.modify(entry.dn, changes)
        if result.code == messages.SUCCESS:
            detail = f"disabled on {port.name}"
            return Effect(measure=measure, kind=EffectKind.DONE, detail=detail)
        if result.code == messages.UNDEFINED_TYPE:
            text = f"{port.name} knows no {attribute}: load ppolicy, or change disable_by"
            raise Unsupported(text, system=port.system)
        if result.code not in (messages.NO_SUCH_ATTRIBUTE, messages.VALUE_EXISTS):
            raise write_fault(
                result, account, system=port.system, doing="disable", attribute=attribute
            )
    raise Unreachable(f"{attribute} changed at each try on {port.name}", system=port.system)


async def rotate(
    port: Port, shape: Shape, account: Account, measure: str, password: Secret
) -> tuple[Effect, str]:
    """Set the derived password, lock again, and see by a bind whether that keeps it out.

    Once suffices: slapd keeps no password that was replaced (pwdHistory is for reuse alone), and
    replacing sets aside every value of a userPassword that has several.

    Returns:
        The effect, and the mark of the password that stands then.
    """
    entry = await read_state(port, shape, account)
    if _stands(shape, entry, password):
        effect = Effect(
            measure=measure, kind=EffectKind.UNCHANGED, detail="the password is set already"
        )
        return effect, mark_of(entry)
    detail = await _set(port, shape, account, entry.dn, password)
    try:
        if await port.lets_in(entry.dn, password):
            detail = await _close(port, shape, account, entry.dn, password)
        after = await read_state(port, shape, account)
    except Unreachable as error:
        raise Uncertain(f"set, and not seen again: {error.text}", system=port.system) from error
    return Effect(measure=measure, kind=EffectKind.DONE, detail=detail), mark_of(after)


def mark_of(entry: Entry) -> str:
    """Tells one password from the next; "" where nothing does."""
    stored = entry.attributes.get(PASSWORD.lower(), ())
    digest = hashlib.sha256(b"\0".join(stored)).hexdigest() if stored else ""
    return f"{entry.text(CHANGED)}/{digest}".strip("/")


def _stands(shape: Shape, entry: Entry, password: Secret) -> bool:
    """Whether what we would set stands, as far as the stored values tell: else it is set again."""
    stored = entry.attributes.get(PASSWORD.lower(), ())
    if len(stored) != 1 or not (is_disabled(shape, entry) or not lock_attribute(shape)):
        return False
    closed = stored[0].startswith(CLOSED.encode())
    return closed or (lock_attribute(shape) == LOCK and matches(stored[0], password))


def matches(stored: bytes, password: Secret) -> bool:
    """Whether a stored {SSHA} value is this password's; False of any other scheme."""
    if not stored.startswith(b"{SSHA}"):
        return False
    try:
        raw = base64.b64decode(stored[6:], validate=True)
    except ValueError:
        return False
    # slapd's own default scheme (slapd.conf(5), password-hash); nothing is hidden by it here.
    made = hashlib.sha1(password.reveal().encode() + raw[_SHA1_OCTETS:], usedforsecurity=False)
    return hmac.compare_digest(made.digest(), raw[:_SHA1_OCTETS])


async def _set(port: Port, shape: Shape, account: Account, dn: str, password: Secret) -> str:
    """The derived password, or another that nobody knows where the rules refuse that one."""
    detail = f"password set on {port.name}"
    result = await port.set_password(dn, password)
    if result.code == messages.CONSTRAINT_VIOLATION:
        # Set before, and no password administrator: a policy may refuse to see it again.
        result = await port.set_password(dn, Secret("Ev1-" + secrets.token_urlsafe(32)))
        detail = f"a random password set on {port.name}: its rules refused the derived one"
    if result.code != messages.SUCCESS:
        raise write_fault(
            result, account, system=port.system, doing="set the password", attribute=PASSWORD
        )
    again = lock_change(shape)
    if again:
        result = await port.modify(dn, again)
    if result.code not in (messages.SUCCESS, messages.UNDEFINED_TYPE):
        raise write_fault(
            result, account, system=port.system, doing="lock", attribute=lock_attribute(shape)
        )
    return detail


async def _close(port: Port, shape: Shape, account: Account, dn: str, password: Secret) -> str:
    """No lock keeps it out: a password that nothing matches.

    Random, since ppolicy_hash_cleartext takes even this for a password and hashes it.
    """
    value = f"{CLOSED}{secrets.token_urlsafe(32)}".encode()
    changes = [Change(kind=REPLACE, attribute=PASSWORD, values=(value,)), *lock_change(shape)]
    result = await port.modify(dn, changes)
    if result.code == messages.UNDEFINED_TYPE:
        result = await port.modify(dn, changes[:1])
    if result.code != messages.SUCCESS:
        raise fault(result, system=port.system, doing=f"close the password of {account.id}")
    if await port.lets_in(dn, password):
        text = f"{port.name} still lets {account.id} in with a password that was replaced"
        raise Unsupported(text, system=port.system)
    why = "no lock counts there" if lock_attribute(shape) == LOCK else "no lock is used"
    return f"a password that nothing matches set on {port.name}: {why}"
