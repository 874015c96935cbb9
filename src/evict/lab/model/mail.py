# SPDX-License-Identifier: Apache-2.0
"""Mail that is handed in: delivered here, forwarded, redirected by rules, or bounced."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from evict.lab.model.directory import DirectoryState
from evict.lab.model.mailbox import Mailbox, Message
from evict.lab.model.words import Denial, Denied

_IDS: Final = uuid.UUID("0c7be1a4-5a10-4a3d-8f0e-7a6b5c4d3e2f")
_MOST_HOPS: Final = 5
POSTMASTER: Final = "postmaster"


class Mail:
    """Attributes: `outside` is what left the organisation, `bounced` what came back."""

    def __init__(
        self,
        directory: DirectoryState,
        mailboxes: Mapping[str, Mailbox],
        now: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._mailboxes = mailboxes
        self._now = now
        self._count = 0
        self.outside: list[Message] = []
        self.bounced: list[Message] = []

    def submit(  # noqa: PLR0913 - a mail has these parts
        self,
        sam: str,
        to: Sequence[str],
        subject: str,
        body: str,
        *,
        send_as: str | None = None,
        keep: bool = True,
    ) -> Denied | Message:
        """Send as oneself, or as somebody who allows it; `keep` a copy in Sent Items."""
        own = self._mailboxes.get(sam)
        if own is None:
            return Denied(Denial.NO_MAILBOX)
        box = own if send_as is None else self._box(send_as)
        if box is None or not self._may_send_as(own, box):
            return Denied(Denial.NO_PERMISSION, "not allowed to send as this address")
        message = self._message(box.primary, to, subject, body)
        if keep:
            own.put("Sent Items", message)
        for address in to:
            self._route(address, message, 0)
        return message

    def deliver(self, sender: str, to: str | Sequence[str], subject: str, body: str) -> Message:
        """A mail from outside."""
        addresses = (to,) if isinstance(to, str) else tuple(to)
        message = self._message(sender, addresses, subject, body)
        for address in addresses:
            self._route(address, message, 0)
        return message

    def _may_send_as(self, own: Mailbox, box: Mailbox) -> bool:
        if own is box:
            return True
        names = (own.sam, own.primary, f"{self._directory.netbios}\\{own.sam}")
        allowed = {user.lower() for user in (*box.send_as, *box.send_on_behalf)}
        return any(name.lower() in allowed for name in names)

    def _message(self, sender: str, to: Sequence[str], subject: str, body: str) -> Message:
        self._count += 1
        return Message(
            id=uuid.uuid5(_IDS, str(self._count)).hex,
            sender=sender,
            to=tuple(to),
            subject=subject,
            body=body,
            received=self._now(),
        )

    def _box(self, address: str) -> Mailbox | None:
        account = self._directory.find(address.removeprefix("smtp:"))
        return self._mailboxes.get(account.sam) if account is not None else None

    def _route(self, address: str, message: Message, hops: int) -> None:
        box = self._box(address)
        if box is None or not box.connected:
            self.outside.append(message)
        elif hops > _MOST_HOPS:  # a loop ends silently, as Exchange drops what it has seen
            return
        elif box.quarantine is not None:
            self._bounce(box, message)
        else:
            self._arrive(box, message, hops)

    def _bounce(self, box: Mailbox, message: Message) -> None:
        """Reported of quarantined mailboxes: mail to them comes back (exchange.md 2.4)."""
        self.bounced.append(message)
        sender = self._box(message.sender)
        if sender is not None and sender is not box and sender.quarantine is None:
            text = f"Your message to {box.primary} could not be delivered."
            subject = f"Undeliverable: {message.subject}"
            sender.put("Inbox", self._message(POSTMASTER, (sender.primary,), subject, text))

    def _arrive(self, box: Mailbox, message: Message, hops: int) -> None:
        """Forwarding of the mailbox first; of its two attributes the internal one wins.

        Source: Set-Mailbox, ForwardingSmtpAddress: ignored where ForwardingAddress is set.
        """
        target = box.forwarding_address or box.forwarding_smtp_address
        if target:
            self._route(target, message, hops + 1)
            if not box.deliver_and_forward:
                return
        keep = True
        for rule in [r for r in box.rules if r.enabled]:
            for address in (*rule.redirect_to, *rule.forward_to):
                self._route(address, message, hops + 1)
            keep = keep and not rule.delete
        box.put("Inbox" if keep else "Deleted Items", message)
