# SPDX-License-Identifier: Apache-2.0
"""What a submission says to each command: aiosmtpd's hooks. A text is the reply."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from aiosmtpd.smtp import SMTP, Envelope, Session

from evict.lab.mail import rendering
from evict.lab.mail.logins import Live
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denied

_log = logging.getLogger(__name__)
CLOSING: Final = "421 4.4.1 Connection timed out"
"""Said before the connector ends a connection, whatever the reason (assumed)."""
_NOT_ALLOWED: Final = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
_MAX_RECIPIENTS: Final = 500
"""MaxRecipientsPerMessage of a new receive connector is 200, of an organisation 500."""


class Connection(Protocol):
    """What the hooks ask of the connection that they are of."""

    @property
    def organisation(self) -> Organisation: ...
    @property
    def offers_starttls(self) -> bool: ...
    def going_on(self) -> Live | None:
        """The live session, where the model lets it go on."""


class Hooks:
    """Of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def handle_exception(self, error: Exception) -> str:
        """Say nothing of what is inside."""
        _log.warning("a submission failed: %s", type(error).__name__)
        return "451 4.3.0 Error: not done"

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        del server, envelope
        session.host_name = hostname
        if self._connection.offers_starttls:
            responses = [r for r in responses if not r.startswith("250-AUTH")]
            responses.insert(1, "250-STARTTLS")
        return responses

    async def handle_NOOP(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, arg: str | None
    ) -> str:
        del server, envelope, arg
        if session.authenticated and self._connection.going_on() is None:
            return CLOSING
        return "250 2.0.0 OK"

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """The sender is looked at here, though Exchange may do so only at DATA (assumed)."""
        del server, session
        live = self._connection.going_on()
        if live is None:
            return CLOSING
        if not _may_send_as(live, address, self._connection.organisation):
            return _NOT_ALLOWED
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and arguments
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        del server, session
        if self._connection.going_on() is None:
            return CLOSING
        if len(envelope.rcpt_tos) >= _MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        if "@" not in address:
            return "501 5.1.3 Invalid address"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        live = self._connection.going_on()
        if live is None:
            return CLOSING
        content = envelope.original_content or b""
        mail = rendering.parse(content)
        organisation = self._connection.organisation
        sent = organisation.submit(
            live.access,
            envelope.rcpt_tos,
            mail.subject,
            mail.body,
            send_as=envelope.mail_from,
        )
        if isinstance(sent, Denied):
            return _NOT_ALLOWED
        return f"250 2.6.0 <{sent.id}@{organisation.directory.domain}> Queued mail for delivery"


def _may_send_as(live: Live, address: str, organisation: Organisation) -> bool:
    """Its own addresses, or those of a mailbox that lets it (Mail.submit decides the same)."""
    own = live.access.mailbox
    box = organisation.find_mailbox(address) if "@" in address else None
    if box is None or box is own:
        return box is own
    names = {own.sam, own.primary, f"{organisation.directory.netbios}\\{own.sam}"}
    allowed = {user.lower() for user in (*box.send_as, *box.send_on_behalf)}
    return any(name.lower() in allowed for name in names)
