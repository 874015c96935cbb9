# SPDX-License-Identifier: Apache-2.0
"""An organisation with an administrator of each kind, and both shells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evict.lab.cmdlets.registry import (
    CmdletError,
    ErrorOut,
    HostText,
    Output,
    PsObject,
    Registry,
    Text,
    Warning_,
    exchange_registry,
    server_registry,
)
from evict.lab.model.mailbox import InboxRule, Mailbox, MobileDevice
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Profile, Version
from evict.lab.model.store import Access
from evict.lab.model.words import Pool, Principal, Protocol

PASSWORD = "Some-password-1"
QUIET = {"Confirm": False}


@dataclass
class Said:
    """What one cmdlet gave."""

    outputs: list[Output] = field(default_factory=list)

    @property
    def objects(self) -> list[PsObject]:
        return [o for o in self.outputs if isinstance(o, PsObject)]

    @property
    def one(self) -> dict[str, object]:
        assert len(self.objects) == 1, self.outputs
        return self.objects[0].properties

    @property
    def warnings(self) -> list[str]:
        return [o.text for o in self.outputs if isinstance(o, Warning_)]

    @property
    def errors(self) -> list[CmdletError]:
        return [o.error for o in self.outputs if isinstance(o, ErrorOut)]

    @property
    def texts(self) -> list[str]:
        return [o.value for o in self.outputs if isinstance(o, Text)]

    @property
    def host(self) -> list[str]:
        return [o.text for o in self.outputs if isinstance(o, HostText)]

    def column(self, name: str) -> list[object]:
        return [o.properties[name] for o in self.objects]


class Desk:
    def __init__(self, version: Version = Version.V2019) -> None:
        self.now = 1_700_000_000.0
        self.org = Organisation(Profile(version), lambda: self.now)
        self.org.add_person("ann", "Ann Archer", PASSWORD, "DB01")
        self.org.add_person("bob", "Bob Baker", PASSWORD, "DB02")
        self.org.add_person("nobody", "Nobody Special", PASSWORD, "DB01")
        for sam, group in (
            ("admin", "Organization Management"),
            ("helpdesk", "CN=Recipient Management,OU=Groups,DC=corp,DC=example"),
            ("auditor", "View-Only Organization Management"),
        ):
            self.org.directory.add(sam, sam.title(), PASSWORD, [group])
        self.exchange: Registry = exchange_registry(self.org)
        self.server: Registry = server_registry(self.org, "ex01")

    @property
    def ann(self) -> Mailbox:
        return self.org.mailboxes["ann"]

    @property
    def bob(self) -> Mailbox:
        return self.org.mailboxes["bob"]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.org.tick()

    def run(self, name: str, *words: object, **parameters: object) -> Said:
        """As Organization Management."""
        return self.as_("admin", name, *words, **parameters)

    def as_(self, caller: str, name: str, *words: object, **parameters: object) -> Said:
        given = [*((None, w) for w in words), *parameters.items()]
        return Said(list(self.exchange.invoke(name, given, caller=caller)))

    def quiet(self, name: str, *words: object, **parameters: object) -> Said:
        return self.run(name, *words, **parameters, **QUIET)

    def piped(self, items: Sequence[object], name: str, **parameters: object) -> Said:
        given = list(parameters.items())
        return Said(list(self.exchange.invoke(name, given, caller="admin", pipeline_input=items)))

    def at_server(self, name: str, *words: object, **parameters: object) -> Said:
        given = [*((None, w) for w in words), *parameters.items()]
        return Said(list(self.server.invoke(name, given, caller="admin")))

    def phone(self, box: Mailbox, device_id: str = "ABC123") -> MobileDevice:
        device = MobileDevice(device_id, "iPhone", "Apple-iPhone", self.now, self.now)
        box.devices[device_id] = device
        return device

    def rule(self, box: Mailbox, name: str, *, hidden: bool = False) -> InboxRule:
        number = str(100 + len(box.rules))
        rule = InboxRule(number, name, hidden=hidden, redirect_to=("spy@evil.example",))
        box.rules.append(rule)
        return rule

    def signed_in(self, protocol: Protocol = Protocol.IMAP, sam: str = "ann") -> Access:
        who = self.org.sign_in_direct("ex01", protocol, sam, PASSWORD)
        assert isinstance(who, Principal)
        access = self.org.enter("ex01", protocol, who)
        assert isinstance(access, Access)
        return access

    def token(self, pool: Pool = Pool.OWA) -> bool:
        """Whether the server takes Ann's password, now or by a token of before."""
        return isinstance(self.org.sign_in_basic("ex01", pool, "ann", PASSWORD), Principal)
