# SPDX-License-Identifier: Apache-2.0
"""SMTP submission on the organisation's mailboxes: aiosmtpd's protocol, straight on the loop.

Spec: RFC 6409 (submission), RFC 4954 (AUTH), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import AnyStr, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from evict.lab.mail import rendering
from evict.lab.mail.logins import Door, Live
from evict.lab.mail.wire import MailLimits
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denied, Protocol

_log = logging.getLogger(__name__)
_REFUSED: Final = "535 5.7.3 Authentication unsuccessful"
_NOT_ALLOWED: Final = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
_CLOSING: Final = "421 4.4.1 Connection timed out"
_NONSENSE: Final = frozenset({"500", "501", "502", "503", "504", "535"})
_MAX_ERRORS: Final = 20
_MAX_RECIPIENTS: Final = 500
"""MaxRecipientsPerMessage of a new receive connector is 200, of an organisation 500."""


class SmtpServer:
    """The client receive connector of one server.

    Nothing of a session that is logged in is looked at again: it ends with the client, or when
    the connector's time-out comes (assumed).
    """

    def __init__(
        self, organisation: Organisation, server_name: str, *, limits: MailLimits | None = None
    ) -> None:
        self.door = Door(organisation, server_name, Protocol.SMTP)
        self.limits = limits or MailLimits()
        self.open: set[Submission] = set()
        self._server: asyncio.Server | None = None

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext, *, starttls: bool = False
    ) -> int:
        """Listen, with TLS from the first octet, or from STARTTLS on; the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Submission(self, tls, starttls=starttls),
            host,
            port,
            ssl=None if starttls else tls,
            ssl_handshake_timeout=None if starttls else self.limits.command_s,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        connections = tuple(self.open)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(c.finished() for c in connections))
        await self._server.wait_closed()
        self._server = None


class Submission(SMTP):
    """One client."""

    def __init__(self, server: SmtpServer, tls: ssl.SSLContext, *, starttls: bool) -> None:
        self._tls = tls
        self._starttls = starttls
        self._over_tls = not starttls
        self.own = server
        self._live: Live | None = None
        self._errors = 0
        super().__init__(
            _Handler(self),
            hostname=f"{server.door.server}.{server.door.organisation.directory.domain}",
            ident="Microsoft ESMTP MAIL Service ready",
            data_size_limit=server.limits.max_literal,
            enable_SMTPUTF8=True,
            timeout=server.limits.before_login_s,
            auth_require_tls=False,
            authenticator=self._check,
            loop=asyncio.get_running_loop(),
        )

    # --- the connection ---
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.own.door.down or len(self.own.open) >= self.own.limits.connections:
            self.abort()
            return
        self.own.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.own.open.discard(self)
        self.own.door.leave(self._live)
        self._live = None
        super().connection_lost(error)

    def abort(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    async def finished(self) -> None:
        """Wait until nothing of it runs any more."""
        if self._handler_coroutine is not None:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await self._handler_coroutine

    def _ended(self, reason: str) -> None:
        """The model ended the session."""
        del reason
        self._cut(f"{_CLOSING}\r\n".encode())

    async def push(self, status: AnyStr) -> None:
        """Every reply goes through here: who only ever sends nonsense is cut."""
        if self.transport is None or self._transport_closing():
            # Nobody hears it; aiosmtpd would go on reading what had come.
            raise asyncio.CancelledError
        await super().push(status)
        code = status[:3] if isinstance(status, str) else status[:3].decode("ascii", "replace")
        self._errors += code in _NONSENSE
        if self._errors > _MAX_ERRORS:
            self._cut(b"421 4.7.0 Too many errors on this connection\r\n")

    def _transport_closing(self) -> bool:
        return isinstance(self.transport, asyncio.Transport) and self.transport.is_closing()

    def _cut(self, farewell: bytes) -> None:
        if isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.write(farewell)
            self.transport.close()

    # --- TLS: with the loop's own, so that it works on every kind of loop ---
    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if arg:
            await self.push("501 Syntax: STARTTLS")
        elif self._over_tls:
            await self.push("503 5.5.1 TLS is on already")
        else:
            await self.push("220 2.0.0 SMTP server ready")
            await self._begin_tls()

    async def _begin_tls(self) -> None:
        """What came in clear before is forgotten (RFC 3207 sections 4.2 and 6)."""
        reader, writer = self._reader, self._writer
        getattr(reader, "_buffer").clear()  # noqa: B009 - asyncio has no public word for it
        try:
            await writer.start_tls(self._tls, ssl_handshake_timeout=self.own.limits.command_s)
        except (OSError, EOFError):
            self.abort()
            return
        # Quirk: Python 3.11's reader goes on pausing the transport of before.
        setattr(reader, "_transport", writer.transport)  # noqa: B010 - as above
        self._over_tls = True
        self.transport = writer.transport
        self.envelope = self._create_envelope()
        session = self._create_session()
        session.peer = self.session.peer if self.session else None
        self.session = session

    async def check_auth_needed(self, caller_method: str) -> bool:
        del caller_method
        if self.session is not None and self.session.authenticated:
            return False
        await self.push("530 5.7.57 Client not authenticated to send mail")
        return True

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if not self._over_tls:
            await self.push("538 5.7.11 Encryption required for requested mechanism")
            return
        await super().smtp_AUTH(arg)

    def _check(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        del server, session, envelope, mechanism
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False, message=_REFUSED)
        name, password = (part.decode("utf-8", "replace") for part in data)
        live = self.own.door.come_in(name, password, self._ended)
        if isinstance(live, Denied):
            return AuthResult(success=False, handled=False, message=_REFUSED)
        self._live = live
        # From here on it is the model's clock that counts.
        self._timeout_duration = 24 * 3600.0
        self._reset_timeout()
        return AuthResult(success=True)

    # --- what the handler asks ---
    @property
    def offers_auth(self) -> bool:
        return self._over_tls

    @property
    def offers_starttls(self) -> bool:
        return not self._over_tls

    def going_on(self) -> Live | None:
        """The live session, where the model lets it go on."""
        live = self._live
        return live if live is not None and self.own.door.use(live) is None else None


class _Handler:
    """aiosmtpd's hooks; a text is the reply."""

    def __init__(self, connection: Submission) -> None:
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
            return _CLOSING
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
            return _CLOSING
        if not _may_send_as(live, address, self._connection.own.door.organisation):
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
            return _CLOSING
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
            return _CLOSING
        content = envelope.original_content or b""
        mail = rendering.parse(content)
        organisation = self._connection.own.door.organisation
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
