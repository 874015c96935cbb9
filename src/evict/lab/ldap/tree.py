# SPDX-License-Identifier: Apache-2.0
"""The directory tree of the organisation's domain: fixed containers, groups, accounts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from evict.lab.ldap import descriptor, syntax
from evict.lab.ldap.entries import (
    DOMAIN_ADMINS,
    DOMAIN_USERS,
    GLOBAL_GROUP,
    AccountEntry,
    Entry,
    FixedEntry,
    GroupEntry,
)
from evict.lab.model.directory import DirectoryAccount, DirectoryState

_NAMESPACE: Final = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
_ADMINS: Final = "Domain Admins"
_USERS: Final = "Domain Users"
_EXCHANGE: Final = (
    "Organization Management",
    "Recipient Management",
    "Exchange Servers",
    "Exchange Trusted Subsystem",
    "Exchange Windows Permissions",
)
"""Groups that Exchange's own set-up makes, in an organisational unit of its own."""
_DELEGATED: Final = frozenset({"unicodepwd", "useraccountcontrol", "pwdlastset"})
_FIRST_GROUP: Final = 1001
_FIRST_ACCOUNT: Final = 5001
_GROUP_TYPE: Final = "-2147483646"
"""A global security group (MS-ADTS 2.2.12)."""


class Tree:
    """Entries are made when they are asked for; what they show is the model's state of then.

    Args:
        delegates: sAMAccountNames with the right to disable and to reset passwords, but for
            accounts that AdminSDHolder protects.
        nested: group -> groups that it is a member of.
    """

    def __init__(
        self,
        directory: DirectoryState,
        now: Callable[[], float],
        *,
        delegates: Iterable[str] = (),
        nested: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.directory = directory
        self.now = now
        self.invocation = uuid.uuid4()
        """Of this database: it starts anew with the process, and so do its update numbers."""
        self.domain_sid = syntax.domain_sid(directory.domain)
        self.delegates = frozenset(delegates)
        self._outer: dict[str, list[str]] = {}
        self._rids: dict[str, int] = {}
        self._groups: dict[str, GroupEntry] = {}
        self._fixed = tuple(self._containers())
        self._elsewhere = tuple(self._partitions())
        for name in (_USERS, _ADMINS, *_EXCHANGE):
            self.group(name)
        for inner, outers in (nested or {}).items():
            for outer in outers:
                self.nest(inner, outer)

    @property
    def netbios(self) -> str:
        return self.directory.netbios

    @property
    def base(self) -> str:
        return self.directory.base_dn

    @property
    def configuration(self) -> str:
        return f"CN=Configuration,{self.base}"

    @property
    def service(self) -> str:
        """The server's own object (nTDSDSA), which says whose update numbers these are."""
        site = f"CN=Default-First-Site-Name,CN=Sites,{self.configuration}"
        return f"CN=NTDS Settings,CN=DC01,CN=Servers,{site}"

    # --- looking ---
    def entries(self, base: Entry) -> Iterator[Entry]:
        """All of the naming context that `base` is in: one search never crosses into another."""
        if any(base.dn == entry.dn for entry in self._elsewhere):
            yield from self._elsewhere
            return
        yield from self._fixed
        accounts = [AccountEntry(a, self) for a in self.directory.accounts.values()]
        for entry in accounts:
            self.rid(entry.account)
            for name in entry.account.groups:
                self.group(name)
        yield from self._groups.values()
        yield from accounts

    def locate(self, name: str) -> Entry | None:
        """By distinguished name, `<GUID=...>` or `<SID=...>` (MS-ADTS 3.1.1.3.1.2.4)."""
        low = name.lower()
        if low.startswith("<guid=") and low.endswith(">"):
            return self._with("objectguid", _guid(name[6:-1]))
        if low.startswith("<sid=") and low.endswith(">"):
            return self._with("objectsid", syntax.sid_of_text(name[5:-1]))
        key = syntax.dn_key(name)
        return next((e for e in self._everything() if syntax.dn_key(e.dn) == key), None)

    def _with(self, attribute: str, wanted: bytes | None) -> Entry | None:
        if wanted is None:
            return None
        return next((e for e in self._everything() if wanted in e.values(attribute)), None)

    def _everything(self) -> Iterator[Entry]:
        yield from self.entries(self._fixed[0])
        yield from self._elsewhere

    # --- groups ---
    def group(self, name: str) -> str:
        """The distinguished name of a group, which is made where it is not there."""
        dn = name if "=" in name else f"CN={name},{self._container(name)}"
        key = syntax.dn_key(dn)
        if key not in self._groups:
            self._groups[key] = self._new_group(dn, key)
        return self._groups[key].dn

    def nest(self, inner: str, outer: str) -> None:
        """Make one group a member of another, by names or distinguished names."""
        outers = self._outer.setdefault(syntax.dn_key(self.group(inner)), [])
        dn = self.group(outer)
        if dn not in outers:
            outers.append(dn)

    def _container(self, name: str) -> str:
        if name in (_USERS, _ADMINS):
            return f"CN=Users,{self.base}"
        if name in _EXCHANGE:
            return f"OU=Microsoft Exchange Security Groups,{self.base}"
        return f"OU=Groups,{self.base}"

    def _new_group(self, dn: str, key: str) -> GroupEntry:
        name = syntax.parts_of(dn)[0].partition("=")[2]
        known = {_USERS: DOMAIN_USERS, _ADMINS: DOMAIN_ADMINS}
        rid = known.get(name, _FIRST_GROUP + len(self._groups))
        attributes: dict[str, str | bytes | Sequence[str]] = {
            "objectClass": ("top", "group"),
            "cn": name,
            "name": name,
            "sAMAccountName": name,
            "sAMAccountType": GLOBAL_GROUP,
            "groupType": _GROUP_TYPE,
            "objectGUID": uuid.uuid5(_NAMESPACE, key).bytes_le,
            "objectSid": syntax.below(self.domain_sid, rid),
            "objectCategory": self.category("group"),
        }
        return GroupEntry(dn, attributes, lambda what: self._related(key, what))

    def _related(self, key: str, what: str) -> list[str]:
        if what == "memberof":
            return list(self._outer.get(key, ()))
        people = [
            account.dn
            for account in self.directory.accounts.values()
            if key in (syntax.dn_key(dn) for dn in self.groups_of(account))
        ]
        inner = [
            self._groups[inner].dn
            for inner, outers in self._outer.items()
            if key in (syntax.dn_key(dn) for dn in outers)
        ]
        return [*people, *inner]

    def groups_of(self, account: DirectoryAccount) -> list[str]:
        """Membership through the primary group stands in no memberOf (MS-ADTS 3.1.1.4.5.19)."""
        return [self.group(name) for name in account.groups if name != _USERS]

    def chain(self, dns: Iterable[str]) -> set[str]:
        """Keys of these groups and of all they are in; groups may be members of each other."""
        found: set[str] = set()
        waiting = [syntax.dn_key(dn) for dn in dns]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += [syntax.dn_key(dn) for dn in self._outer.get(key, ())]
        return found

    # --- what an account's entry asks ---
    def rid(self, account: DirectoryAccount) -> int:
        return self._rids.setdefault(account.guid, _FIRST_ACCOUNT + len(self._rids))

    def sid(self, account: DirectoryAccount) -> bytes:
        return syntax.below(self.domain_sid, self.rid(account))

    def token(self, account: DirectoryAccount) -> list[bytes]:
        keys = self.chain([*self.groups_of(account), self.group(_USERS)])
        groups = [self._groups[key].values("objectsid")[0] for key in keys]
        return [self.sid(account), *sorted(groups)]

    def administrator(self, account: DirectoryAccount) -> bool:
        return syntax.dn_key(self.group(_ADMINS)) in self.chain(self.groups_of(account))

    def protected(self, account: DirectoryAccount) -> bool:
        """Whether AdminSDHolder keeps its access list (MS-ADTS 3.1.1.6.1)."""
        return account.attributes.get("admincount") == [b"1"] or self.administrator(account)

    def descriptor(self, account: DirectoryAccount) -> bytes:
        granted = [] if self.protected(account) else sorted(self.delegates)
        accounts = [self.directory.accounts.get(sam) for sam in granted]
        owner = syntax.below(self.domain_sid, DOMAIN_ADMINS)
        return descriptor.build(owner, [self.sid(a) for a in accounts if a is not None])

    def may_write(self, who: DirectoryAccount, target: DirectoryAccount, attribute: str) -> bool:
        """What `descriptor` says, decided without reading it back."""
        if self.administrator(who):
            return True
        granted = who.sam in self.delegates and attribute in _DELEGATED
        return granted and not self.protected(target)

    def category(self, name: str) -> bytes:
        return f"CN={name.title()},CN=Schema,{self.configuration}".encode()

    # --- what is always there ---
    def _containers(self) -> Iterator[FixedEntry]:
        base = self.base
        yield FixedEntry(
            base,
            {
                "objectClass": ("top", "domain", "domainDNS"),
                "name": self.directory.domain.partition(".")[0],
                "objectSid": self.domain_sid,
                "objectGUID": uuid.uuid5(_NAMESPACE, base).bytes_le,
                # The documented defaults of a new domain (Default Domain Policy).
                "pwdHistoryLength": "24",
                "minPwdLength": "7",
                "maxPwdAge": "-36288000000000",
            },
        )
        for name in ("OU=People", "OU=Groups", "OU=Microsoft Exchange Security Groups"):
            yield self._container_entry(f"{name},{base}", "organizationalUnit")
        inner = ("CN=Users", "CN=System", "CN=AdminSDHolder,CN=System", "CN=Deleted Objects")
        for name in inner:
            yield self._container_entry(f"{name},{base}", "container")

    def _partitions(self) -> Iterator[FixedEntry]:
        """The configuration context, as far as it says which domain this is."""
        yield self._container_entry(self.configuration, "configuration")
        partitions = f"CN=Partitions,{self.configuration}"
        yield self._container_entry(partitions, "crossRefContainer")
        yield FixedEntry(
            f"CN={self.netbios},{partitions}",
            {
                "objectClass": ("top", "crossRef"),
                "nCName": self.base,
                "nETBIOSName": self.netbios,
                "dnsRoot": self.directory.domain,
            },
        )
        yield FixedEntry(
            self.service,
            {
                "objectClass": ("top", "applicationSettings", "nTDSDSA"),
                "name": "NTDS Settings",
                "invocationId": self.invocation.bytes_le,
            },
        )

    @staticmethod
    def _container_entry(dn: str, kind: str) -> FixedEntry:
        name = syntax.parts_of(dn)[0].partition("=")[2]
        guid = uuid.uuid5(_NAMESPACE, syntax.dn_key(dn)).bytes_le
        return FixedEntry(dn, {"objectClass": ("top", kind), "name": name, "objectGUID": guid})


def _guid(text: str) -> bytes | None:
    try:
        return uuid.UUID(text).bytes_le
    except ValueError:
        return None
