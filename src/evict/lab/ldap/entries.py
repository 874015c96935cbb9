# SPDX-License-Identifier: Apache-2.0
"""Entries of the tree: fixed ones, groups, and accounts, whose values are the model's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from evict.lab.ldap import syntax
from evict.lab.model.directory import DirectoryAccount

DOMAIN_USERS: Final = 513
DOMAIN_ADMINS: Final = 512
NORMAL_USER: Final = b"805306368"
GLOBAL_GROUP: Final = b"268435456"
DONT_EXPIRE: Final = 0x10000
_EXPIRED: Final = 0x800000
PERSON: Final = "person"

Values = Sequence[bytes]


class Entry(Protocol):
    """One entry, with attribute names in lower case."""

    @property
    def dn(self) -> str: ...

    def values(self, name: str) -> Values:
        """Of one attribute; none where it is not there."""

    def names(self) -> Iterable[str]:
        """What `*` stands for, as written; constructed attributes are only given by name."""


class Place(Protocol):
    """What an entry has to ask of the tree around it."""

    domain_sid: bytes

    @property
    def netbios(self) -> str: ...

    def rid(self, account: DirectoryAccount) -> int: ...

    def groups_of(self, account: DirectoryAccount) -> list[str]:
        """DNs of the groups that it is in, but for its primary one."""

    def protected(self, account: DirectoryAccount) -> bool: ...

    def token(self, account: DirectoryAccount) -> list[bytes]:
        """SIDs of the account and of all its groups."""

    def descriptor(self, account: DirectoryAccount) -> bytes: ...

    def category(self, name: str) -> bytes: ...


class FixedEntry:
    """What never changes while the server runs."""

    def __init__(self, dn: str, attributes: Mapping[str, str | bytes | Sequence[str]]) -> None:
        self.dn = dn
        self._written = tuple(attributes)
        self._values = {name.lower(): _octets(value) for name, value in attributes.items()}
        self._values["distinguishedname"] = (dn.encode(),)

    def values(self, name: str) -> Values:
        return self._values.get(name, ())

    def names(self) -> Iterable[str]:
        return ("distinguishedName", *self._written)


class GroupEntry(FixedEntry):
    """A group, whose members are looked up when asked for."""

    def __init__(
        self,
        dn: str,
        attributes: Mapping[str, str | bytes | Sequence[str]],
        related: Callable[[str], list[str]],
    ) -> None:
        super().__init__(dn, attributes)
        self._related = related

    def values(self, name: str) -> Values:
        if name in ("member", "memberof"):
            return [dn.encode() for dn in self._related(name)]
        return super().values(name)

    def names(self) -> Iterable[str]:
        return (*super().names(), "member", "memberOf")


class AccountEntry:
    """A person's account."""

    def __init__(self, account: DirectoryAccount, place: Place) -> None:
        self.account = account
        self._place = place

    @property
    def dn(self) -> str:
        return self.account.dn

    def values(self, name: str) -> Values:
        held = self.account.attributes.get(name)
        if held is not None:
            return held
        read = _READ.get(name) or _CONSTRUCTED.get(name)
        if read is None:
            return ()
        return [v if isinstance(v, bytes) else str(v).encode() for v in read(self)]

    def names(self) -> Iterable[str]:
        extra = (n for n in self.account.attributes if n not in _READ)
        return (*(_WRITTEN[n] for n in _READ), *extra)

    # --- what the tables below read ---
    def proxies(self) -> list[str]:
        """Primary first: `SMTP:` in capitals marks it (MS-OXOABK 2.2.3.23)."""
        first, *others = self.account.addresses or [""]
        return [f"SMTP:{first}", *(f"smtp:{a}" for a in others)] if first else []

    def groups(self) -> list[str]:
        return self._place.groups_of(self.account)

    def sids(self) -> list[bytes]:
        return [syntax.below(self._place.domain_sid, self._place.rid(self.account))]

    def admin(self) -> list[str]:
        return ["1"] if self._place.protected(self.account) else []

    def categories(self) -> list[bytes]:
        return [self._place.category(PERSON)]

    def token(self) -> list[bytes]:
        return self._place.token(self.account)

    def descriptor(self) -> list[bytes]:
        return [self._place.descriptor(self.account)]

    def computed(self) -> list[int]:
        """UF_PASSWORD_EXPIRED where it must be changed (MS-ADTS 3.1.1.4.5.17)."""
        return [_EXPIRED if self.account.must_change else 0]

    def principal(self) -> list[str]:
        return [f"{self._place.netbios}\\{self.account.sam}"]


Read = Callable[[AccountEntry], Sequence[str | int | bytes]]

_TABLE: Final[dict[str, Read]] = {
    "objectClass": lambda _: ("top", "person", "organizationalPerson", "user"),
    "cn": lambda e: (_common_name(e.account.dn),),
    "name": lambda e: (_common_name(e.account.dn),),
    "displayName": lambda e: (e.account.display_name,) if e.account.display_name else (),
    "distinguishedName": lambda e: (e.account.dn,),
    "sAMAccountName": lambda e: (e.account.sam,),
    "sAMAccountType": lambda _: (NORMAL_USER,),
    "userPrincipalName": lambda e: (e.account.upn,) if e.account.upn else (),
    "mail": lambda e: e.account.addresses[:1],
    "mailNickname": lambda e: (e.account.sam,) if e.account.addresses else (),
    "proxyAddresses": AccountEntry.proxies,
    "memberOf": AccountEntry.groups,
    "primaryGroupID": lambda _: (DOMAIN_USERS,),
    "userAccountControl": lambda e: (e.account.user_account_control,),
    "pwdLastSet": lambda e: (syntax.filetime(e.account.pwd_last_set),),
    "accountExpires": lambda _: (syntax.NEVER,),
    "badPwdCount": lambda _: (0,),
    "adminCount": AccountEntry.admin,
    "objectGUID": lambda e: (syntax.guid_octets(e.account.guid),),
    "objectSid": AccountEntry.sids,
    "objectCategory": AccountEntry.categories,
    "instanceType": lambda _: (4,),
    "whenChanged": lambda e: (syntax.generalized(e.account.when_changed),),
    "uSNChanged": lambda e: (e.account.usn,),
}
_READ: Final = {name.lower(): read for name, read in _TABLE.items()}
_WRITTEN: Final = {name.lower(): name for name in _TABLE}
_CONSTRUCTED: Final[dict[str, Read]] = {
    "tokengroups": AccountEntry.token,
    "ntsecuritydescriptor": AccountEntry.descriptor,
    "msds-user-account-control-computed": AccountEntry.computed,
    "msds-principalname": AccountEntry.principal,
}
CONSTRUCTED: Final = frozenset(_CONSTRUCTED)
READ_ONLY: Final = frozenset(
    set(_READ)
    - {"displayname", "userprincipalname", "mail", "proxyaddresses", "useraccountcontrol"}
    - {"pwdlastset", "accountexpires", "admincount"}
) | frozenset(_CONSTRUCTED)
"""What a modify cannot touch: the system keeps it, or a rename changes it."""


def _common_name(dn: str) -> str:
    return syntax.parts_of(dn)[0].partition("=")[2]


def _octets(value: str | bytes | Sequence[str]) -> tuple[bytes, ...]:
    if isinstance(value, bytes):
        return (value,)
    if isinstance(value, str):
        return (value.encode(),)
    return tuple(v.encode() for v in value)
