# SPDX-License-Identifier: Apache-2.0
"""One run's people: the leaver with every door in use, and bystanders who work beside."""

from __future__ import annotations

import random
from typing import Final

from evict.lab.clients.browser import Browser, Knock
from evict.lab.clients.client import Client, Seat, Who
from evict.lab.clients.outlook import Outlook
from evict.lab.clients.phone import Phone
from evict.lab.clients.place import DOMAIN, Place
from evict.lab.clients.programs import Connected, Services, SignsInEachTime
from evict.lab.compare.doors import Door
from evict.lab.model.mailbox import FULL_ACCESS, InboxRule
from evict.lab.model.profile import Version
from evict.lab.model.words import Protocol

LEAVER: Final = "leaver"
ASSISTANT: Final = "person00"
"""A bystander who has full access to the leaver's mailbox, and opens it."""
OWNER: Final = "person01"
"""A bystander to whose mailbox the leaver has full access."""
COMPETITOR: Final = "sales@competitor.example"
PHONE_ID: Final = "LEAVERSPHONE0001"
MAIL_EVERY_S: Final = 600.0
"""Between two mails to one person, on average; assumed, as are the habits below."""
_OUTSIDE: Final = "customer@elsewhere.example"


class Scene:
    """An organisation at work.

    Attributes:
        leaver: a client for each door of it but the rule, which has none.
        bystanders: their clients, by account.
        forwarded_s: when a mail was forwarded last.
    """

    def __init__(self, version: Version, seed: str, bystanders: int) -> None:
        self.place = Place(version, random.Random(seed))  # noqa: S311 - chance, no secret
        self.dice = self.place.dice_for("scene")
        self.organisation = self.place.organisation
        self.forwarded_s: float | None = None
        self.password = "Password-of-the-leaver"  # noqa: S105 - nothing here is secret
        self._people(bystanders)
        self.bystanders = {sam: self._bystander(sam) for sam in self._others}
        self.leaver = self._leaver()

    def _people(self, count: int) -> None:
        organisation = self.organisation
        organisation.add_person(LEAVER, "The Leaver", self.password, "DB01")
        self._others = [f"person{number:02}" for number in range(count)]
        for number, sam in enumerate(self._others):
            organisation.add_person(sam, sam.title(), f"Password-{sam}", f"DB{number % 2 + 1:02}")
        organisation.set_permission(LEAVER, f"{ASSISTANT}@{DOMAIN}", [FULL_ACCESS])
        organisation.set_permission(OWNER, f"{LEAVER}@{DOMAIN}", [FULL_ACCESS])
        box = organisation.mailboxes[LEAVER]
        box.rules.append(InboxRule("1", "to another address", redirect_to=(COMPETITOR,)))

    def begin(self, apart_s: float) -> None:
        """Everybody starts, not all in one instant; mail begins to come."""
        clients = [*self.leaver.values(), *(c for each in self.bystanders.values() for c in each)]
        for client in clients:
            self.place.course.after(self.dice.uniform(0, apart_s), client.begin)
        self._mail_comes()

    def _mail_comes(self) -> None:
        before = len(self.organisation.mail.outside)
        self.organisation.deliver(_OUTSIDE, f"{LEAVER}@{DOMAIN}", "an offer", "")
        if len(self.organisation.mail.outside) > before:
            self.forwarded_s = self.place.now_s
        self.place.course.after(self.dice.uniform(0.5, 1.5) * MAIL_EVERY_S, self._mail_comes)

    def _who(self, sam: str) -> Who:
        account = self.organisation.directory.accounts[sam]
        return Who(sam, account.upn, account.password)

    def _leaver(self) -> dict[Door, Client]:
        """How often each is used is the leaver's own, so it differs from run to run."""
        return {**self._web_clients(), **self._other_clients()}

    def _seat(self, door: Door) -> Seat:
        return Seat(place=self.place, who=self._who(LEAVER), door=door)

    def _web_clients(self) -> dict[Door, Client]:
        dice, delays = self.dice, self.organisation.delays
        clients: dict[Door, Client] = {
            Door.PAGE: Browser(
                self._seat(Door.PAGE),
                poll_every_s=delays.browser_poll_s.value,
                use_every_s=dice.choice([None, dice.uniform(300, 7200)]),
                sends=COMPETITOR,
                private=dice.random() < 0.5,
            ),
            Door.WEB: Knock(self._seat(Door.WEB), dice.uniform(120, 3600)),
            Door.PHONE: Phone(
                self._seat(Door.PHONE),
                heartbeat_s=dice.uniform(480, delays.heartbeat_max_s.value),
                retry_s=delays.phone_retry_s.value,
                device_id=PHONE_ID,
                mail_every_s=MAIL_EVERY_S,
            ),
        }
        if self.organisation.profile.has("ews"):
            every, shared = dice.uniform(120, 1800), dice.uniform(120, 1800)
            clients[Door.EWS] = Services(self._seat(Door.EWS), every)
            clients[Door.SHARED] = Services(self._seat(Door.SHARED), shared, mailbox=OWNER)
        return clients

    def _other_clients(self) -> dict[Door, Client]:
        dice, delays = self.dice, self.organisation.delays
        return {
            Door.OUTLOOK: Outlook(self._seat(Door.OUTLOOK), delays.outlook_ping_s.value),
            Door.IMAP: Connected(
                self._seat(Door.IMAP), dice.uniform(60, delays.mail_poll_s.value), Protocol.IMAP
            ),
            Door.POP3: SignsInEachTime(self._seat(Door.POP3), dice.uniform(60, 600), Protocol.POP3),
            Door.SUBMISSION: Connected(
                self._seat(Door.SUBMISSION), dice.uniform(30, 240), Protocol.SMTP
            ),
            Door.SENDING: SignsInEachTime(
                self._seat(Door.SENDING), dice.uniform(60, 600), Protocol.SMTP
            ),
        }

    def _bystander(self, sam: str) -> list[Client]:
        """What most people have: Outlook, a phone, now and then a page, a Mac, a mail program."""
        dice = self.place.dice_for(f"habits of {sam}")
        delays = self.organisation.delays
        clients: list[Client] = []

        def seat(door: str) -> Seat:
            return Seat(place=self.place, who=self._who(sam), door=door, types_again=True)

        if dice.random() < 0.7:
            clients.append(Outlook(seat("outlook"), delays.outlook_ping_s.value))
        if dice.random() < 0.6:
            heartbeat = dice.uniform(480, delays.heartbeat_max_s.value)
            clients.append(
                Phone(
                    seat("phone"),
                    heartbeat_s=heartbeat,
                    retry_s=delays.phone_retry_s.value,
                    device_id=f"PHONE{sam.upper()}",
                    mail_every_s=MAIL_EVERY_S,
                )
            )
        if dice.random() < 0.4:
            clients.append(
                Browser(
                    seat("page"),
                    poll_every_s=delays.browser_poll_s.value,
                    use_every_s=delays.browser_use_s.value,
                )
            )
        services = self.organisation.profile.has("ews")
        if services and dice.random() < 0.2:
            clients.append(Services(seat("ews"), 300))
        if dice.random() < 0.2:
            clients.append(Connected(seat("imap"), delays.mail_poll_s.value, Protocol.IMAP))
        if services and sam == ASSISTANT:
            clients.append(Services(seat("delegate"), 600, mailbox=LEAVER))
        return clients or [Outlook(seat("outlook"), delays.outlook_ping_s.value)]

    def names_of_the_leaver(self) -> tuple[str, ...]:
        """As they stand in other mailboxes' access lists."""
        account = self.organisation.directory.accounts[LEAVER]
        netbios = self.organisation.directory.netbios
        return (account.sam, account.upn, f"{netbios}\\{account.sam}")
