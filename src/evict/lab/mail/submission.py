# SPDX-License-Identifier: Apache-2.0
"""SMTP submission on the organisation's mailboxes: aiosmtpd's protocol, straight on the loop.

Spec: RFC 6409 (submission), RFC 4954 (AUTH), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import AnyStr, Final, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from evict.lab.mail.logins import Door, Live
from evict.lab.mail.service import listen
from evict.lab.mail.submission_hooks import CLOSING, Hooks
from evict.lab.mail.wire import MailLimits
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denied, Protocol

_REFUSED: Final = "535 5.7.3 Authentication unsuccessful"
_NONSENSE: Final = frozenset({"500", "501", "502", "503", "504", "535"})
_MAX_ERRORS: Final = 20


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
        # It warns of itself at each login, and tells lines of mails at a lower level.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self._server = await listen(
            lambda: Submission(self, tls, starttls=starttls),
            host,
            port,
            None if starttls else tls,
            self.limits,
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
            Hooks(self),
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
        if (transport := self._stream()) is not None:
            transport.abort()

    async def finished(self) -> None:
        """Wait until nothing of it runs any more."""
        if self._handler_coroutine is not None:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await self._handler_coroutine

    def _ended(self, reason: str) -> None:
        """The model ended the session."""
        del reason
        self._cut(f"{CLOSING}\r\n".encode())

    async def push(self, status: AnyStr) -> None:
        """Every reply goes through here: who only ever sends nonsense is cut."""
        transport = self._stream()
        if transport is None or transport.is_closing():
            # Nobody hears it; aiosmtpd would go on reading what had come.
            raise asyncio.CancelledError
        await super().push(status)
        code = status[:3] if isinstance(status, str) else status[:3].decode("ascii", "replace")
        self._errors += code in _NONSENSE
        if self._errors > _MAX_ERRORS:
            self._cut(b"421 4.7.0 Too many errors on this connection\r\n")

    def _stream(self) -> asyncio.Transport | None:
        """Quirk: uvloop's transports are none of asyncio's classes."""
        return cast("asyncio.Transport | None", self.transport)

    def _cut(self, farewell: bytes) -> None:
        transport = self._stream()
        if transport is not None and not transport.is_closing():
            transport.write(farewell)
            transport.close()

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

    # --- what the hooks ask ---
    @property
    def organisation(self) -> Organisation:
        return self.own.door.organisation

    @property
    def offers_starttls(self) -> bool:
        return not self._over_tls

    def going_on(self) -> Live | None:
        """The live session, where the model lets it go on."""
        live = self._live
        return live if live is not None and self.own.door.use(live) is None else None
