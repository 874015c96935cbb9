# SPDX-License-Identifier: Apache-2.0
"""A conversation without a connection, and requests for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anyldap.protocols import pureber, pureldap

from evict.lab.ldap import codec
from evict.lab.ldap.conversation import Conversation
from evict.lab.ldap.tree import Tree
from evict.lab.model.directory import DirectoryAccount
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.systems.ldap import filters, messages
from evict.systems.ldap.messages import Change, Control, Entry, Result
from tests.unit.lab.ldap.places import HOST, SERVICE_PASSWORD, Clock

BASE = "DC=corp,DC=test"
ALICE = f"CN=Alice Archer,OU=People,{BASE}"
SERVICE = "svc-evict@corp.test"
ADMIN_PASSWORD = "Admin-Pass-1"
ALICE_PASSWORD = "Alice-Pass-1"


@dataclass
class Office:
    organisation: Organisation
    clock: Clock
    talk: Conversation

    def ask(
        self, request: pureber.BERBase, controls: Sequence[Control] = ()
    ) -> list[pureldap.LDAPMessage]:
        wire = pureldap.LDAPMessage(request, controls=list(controls) or None, id=7).toWire()
        return [messages.decode(answer) for answer in self.talk.answer(codec.decode(wire))]

    def result(self, request: pureber.BERBase, controls: Sequence[Control] = ()) -> Result:
        last = self.ask(request, controls)[-1].value
        assert isinstance(last, pureldap.LDAPResult)
        return messages.result_of(last)

    def bind(self, name: str = SERVICE, password: str = SERVICE_PASSWORD) -> Result:
        return self.result(pureldap.LDAPBindRequest(dn=name, auth=password))

    def search(
        self,
        what: pureber.BERBase | None = None,
        attributes: Sequence[str] = (),
        *,
        base: str = BASE,
        scope: int = 2,
        controls: Sequence[Control] = (),
    ) -> list[Entry]:
        request = pureldap.LDAPSearchRequest(
            baseObject=base,
            scope=scope,
            filter=what or filters.present("objectClass"),
            attributes=list(attributes),
        )
        answers = [m.value for m in self.ask(request, controls)]
        return [
            messages.entry_of(a) for a in answers if isinstance(a, pureldap.LDAPSearchResultEntry)
        ]

    def names(self, what: pureber.BERBase) -> list[str]:
        return sorted(e.text("sAMAccountName") for e in self.search(what, ["sAMAccountName"]))

    def modify(self, dn: str, *changes: Change) -> Result:
        return self.result(messages.modify_request(dn, changes))

    @property
    def alice(self) -> DirectoryAccount:
        return self.organisation.directory.accounts["alice"]


def office(*, secure: bool = True) -> Office:
    clock = Clock()
    organisation = Organisation(Profile(Version.V2019), clock, domain="corp.test", netbios="CORP")
    directory = organisation.directory
    directory.add("svc-evict", "svc-evict", SERVICE_PASSWORD)
    directory.add("alice", "Alice Archer", ALICE_PASSWORD, ["Domain Users", "Sales"])
    directory.add("adam", "Adam", ADMIN_PASSWORD, ["Domain Users", "Domain Admins"])
    directory.add("zoe", "Zo\u00eb", "Zoe-Pass-1", ["Domain Users"])
    tree = Tree(
        directory, clock, delegates=["svc-evict"], nested={"Sales": ["Staff"], "Staff": ["All"]}
    )
    return Office(organisation, clock, Conversation(tree, HOST, secure=secure))
