# SPDX-License-Identifier: Apache-2.0
"""Modify: all of a request or none of it, with the directory's own rules for each attribute.

Spec: RFC 4511 section 4.6; MS-ADTS 3.1.1.3.1.5 (passwords), 3.1.1.5.3 (modify).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from anyldap.protocols import pureber
from msgspec import Struct

from evict.lab.ldap import codec, results, syntax
from evict.lab.ldap.codec import Malformed
from evict.lab.ldap.entries import DONT_EXPIRE, READ_ONLY, AccountEntry
from evict.lab.ldap.results import Refused
from evict.lab.ldap.tree import Tree
from evict.lab.model.directory import NORMAL, DirectoryAccount

ADD, DELETE, REPLACE = 0, 1, 2
_PASSWORD: Final = "unicodepwd"  # noqa: S105 - an attribute's name
_UAC: Final = "useraccountcontrol"
_LAST_SET: Final = "pwdlastset"
_MANY: Final = frozenset({"proxyaddresses", "description", "othermailbox", "url"})
_MUST_HAVE: Final = (_UAC, _LAST_SET)
_COMPUTED_BITS: Final = 0x800010
"""UF_LOCKOUT and UF_PASSWORD_EXPIRED: never stored (MS-ADTS 2.2.16)."""
_ACCOUNT_TYPES: Final = 0x3B00
_MOST_BITS: Final = 0x7FFFFFFF
_MAX_VALUE: Final = 16 * 1024
_LEAST_PASSWORD: Final = 7
_KINDS_OF_CHARACTER: Final = 3


class Change(Struct, frozen=True, kw_only=True):
    """One part; the attribute's name in lower case."""

    kind: int
    attribute: str
    values: tuple[bytes, ...]


@dataclass
class Draft:
    """The account as it would be."""

    values: dict[str, list[bytes]] = field(default_factory=dict)
    password: str | None = field(default=None, repr=False)


def changes_of(modification: Sequence[pureber.BERBase] | None) -> Iterator[Change]:
    """Raises `Malformed`."""
    for part in modification or ():
        if not isinstance(part, pureber.BERSequence) or len(part) != 2:
            raise Malformed("no modification")
        kind, pair = part
        if not isinstance(kind, pureber.BERInteger) or not isinstance(pair, pureber.BERSequence):
            raise Malformed("no modification")
        if len(pair) != 2 or not isinstance(pair[1], pureber.BERSequence):
            raise Malformed("no modification")
        name, values = pair
        held = [v.value for v in pair[1] if isinstance(v, pureber.BEROctetString)]
        if not isinstance(name, pureber.BEROctetString) or len(held) != len(pair[1]):
            raise Malformed("no modification")
        del values
        yield Change(
            kind=kind.value,
            attribute=codec.text(name.value).lower(),
            values=tuple(codec.octets(v) for v in held),
        )


class Modifier:
    """Changes one account for one who may."""

    def __init__(self, tree: Tree, who: DirectoryAccount, *, secure: bool) -> None:
        self._tree = tree
        self._who = who
        self._secure = secure

    def modify(self, dn: str, changes: Sequence[Change]) -> None:
        """Raises `Refused`, and then nothing was changed."""
        entry = self._tree.locate(dn)
        if entry is None:
            raise Refused(results.NO_SUCH_OBJECT, results.NO_OBJECT)
        if not isinstance(entry, AccountEntry):
            raise Refused(results.UNWILLING, results.NOT_HERE)
        own = self._own_password(entry.account, changes)
        for change in changes:
            self._check(entry.account, change, own=own)
        draft = Draft()
        for change in changes:
            if change.attribute == _PASSWORD:
                if not own or change.kind == ADD:
                    draft.password = self._password(change)
            else:
                _apply(draft, entry, change)
        _settle(draft)
        self._commit(entry.account, draft)

    def _check(self, target: DirectoryAccount, change: Change, *, own: bool) -> None:
        if change.kind not in (ADD, DELETE, REPLACE):
            raise Refused(results.PROTOCOL_ERROR, "no such kind of change")
        if any(len(value) > _MAX_VALUE for value in change.values):
            raise Refused(results.CONSTRAINT_VIOLATION, results.NO_CONSTRAINT)
        if own and change.attribute == _PASSWORD:
            return
        if not self._tree.may_write(self._who, target, change.attribute):
            raise Refused(results.INSUFFICIENT_RIGHTS, results.NO_RIGHT)
        if change.attribute in READ_ONLY:
            raise Refused(results.UNWILLING, results.READ_ONLY)

    def _own_password(self, target: DirectoryAccount, changes: Sequence[Change]) -> bool:
        """A change rather than a reset: the old one is deleted and the new one added.

        Everybody may (MS-ADTS 3.1.1.3.1.5.1). Raises `Refused` where the old one is wrong.
        """
        parts = [c for c in changes if c.attribute == _PASSWORD]
        if [c.kind for c in parts] != [DELETE, ADD]:
            return False
        old = self._password(parts[0], policy=False)
        if target.password != old:
            raise Refused(results.CONSTRAINT_VIOLATION, results.WRONG_OLD)
        return True

    def _password(self, change: Change, *, policy: bool = True) -> str:
        """In quotes, UTF-16LE, over TLS, one value; a delete alone would leave none."""
        if not self._secure or len(change.values) != 1:
            raise Refused(results.UNWILLING, results.NOT_A_PASSWORD)
        try:
            quoted = change.values[0].decode("utf-16-le")
        except UnicodeDecodeError as error:
            raise Refused(results.UNWILLING, results.NOT_A_PASSWORD) from error
        if len(quoted) < 2 or quoted[0] != '"' or quoted[-1] != '"':
            raise Refused(results.UNWILLING, results.NOT_A_PASSWORD)
        if policy and change.kind == DELETE:
            raise Refused(results.UNWILLING, results.NOT_A_PASSWORD)
        password = quoted[1:-1]
        if policy and not _good_enough(password):
            raise Refused(results.CONSTRAINT_VIOLATION, results.NO_POLICY)
        return password

    def _commit(self, account: DirectoryAccount, draft: Draft) -> None:
        directory = self._tree.directory
        if draft.password is not None:
            directory.set_password(account.guid, draft.password)
        for name, values in draft.values.items():
            _store(account, name, values, now=self._tree.now())
        never = account.user_account_control & DONT_EXPIRE
        account.must_change = not account.pwd_last_set and not never
        directory.touch(account)
        directory.reindex()


def _apply(draft: Draft, entry: AccountEntry, change: Change) -> None:
    name, given = change.attribute, list(change.values)
    held = draft.values.setdefault(name, list(entry.values(name)))
    if change.kind == REPLACE:
        draft.values[name] = given
    elif change.kind == ADD:
        if not given:
            raise Refused(results.PROTOCOL_ERROR, "nothing to add")
        if any(value in held for value in given):
            raise Refused(results.VALUE_EXISTS, results.HAS_VALUE)
        draft.values[name] = held + given
    else:
        if not held or any(value not in held for value in given):
            raise Refused(results.NO_SUCH_ATTRIBUTE, results.NO_VALUE)
        draft.values[name] = [v for v in held if v not in given] if given else []


def _settle(draft: Draft) -> None:
    """What must hold once all parts were applied."""
    for name, values in draft.values.items():
        if len(values) > 1 and name not in _MANY:
            raise Refused(results.VALUE_EXISTS, results.HAS_VALUE)
        if not values and name in _MUST_HAVE:
            raise Refused(results.UNWILLING, results.NOT_HERE)
        if name in syntax.INTEGERS and values:
            number = _integer(values[0])
            if name == _LAST_SET and number not in (0, -1):
                raise Refused(results.UNWILLING, results.NOT_HERE)
            if name == _UAC and not 0 <= number <= _MOST_BITS:
                raise Refused(results.UNWILLING, results.NOT_HERE)


def _store(account: DirectoryAccount, name: str, values: list[bytes], *, now: float) -> None:
    texts = [value.decode("utf-8", "replace") for value in values]
    if name == _UAC:
        bits = int(values[0]) & ~_COMPUTED_BITS
        account.user_account_control = bits if bits & _ACCOUNT_TYPES else bits | NORMAL
    elif name == _LAST_SET:
        # 0: to be changed at the next sign-in; -1: as if it were set now (MS-ADTS 3.1.1.5.3.2).
        account.pwd_last_set = now if int(values[0]) else 0.0
    elif name == "displayname":
        account.display_name = texts[0] if texts else ""
    elif name == "userprincipalname":
        account.upn = texts[0] if texts else ""
    elif name == "proxyaddresses":
        account.addresses[:] = _addresses(texts)
    elif values:
        account.attributes[name] = values
    else:
        account.attributes.pop(name, None)


def _addresses(proxies: list[str]) -> list[str]:
    primary = [p[5:] for p in proxies if p.startswith("SMTP:")]
    others = [p[5:] for p in proxies if p.startswith("smtp:")]
    return [*primary, *others]


def _integer(value: bytes) -> int:
    try:
        number = int(value) if len(value) <= 20 else None
    except ValueError:
        number = None
    if number is None:
        raise Refused(results.INVALID_SYNTAX, results.NO_CONSTRAINT)
    return number


def _good_enough(password: str) -> bool:
    """The default policy: seven characters, of three kinds."""
    kinds = (
        any(c.isupper() for c in password),
        any(c.islower() for c in password),
        any(c.isdigit() for c in password),
        any(not c.isalnum() for c in password),
    )
    return len(password) >= _LEAST_PASSWORD and sum(kinds) >= _KINDS_OF_CHARACTER
