# SPDX-License-Identifier: Apache-2.0
"""One LDAP connection under TLS: one request at a time, every wait bounded, every loss told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Sequence
from typing import Final, Self

from anyldap.protocols import pureldap

from evict.core.errors import ConfigError, RemoteProtocolError, Uncertain, Unreachable
from evict.core.secret import Secret
from evict.systems.ldap import messages
from evict.systems.ldap.messages import Control, Malformed, Result
from evict.systems.ldap.target import Target

_SEQUENCE: Final = 0x30
_MAX_ANSWERS: Final = 20_000


class Connection:
    """Not shared: whoever holds it asks, reads to the end, and gives it back."""

    def __init__(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], target: Target
    ) -> None:
        self._reader, self._writer = streams
        self._target = target
        self._used_at = asyncio.get_running_loop().time()

    @classmethod
    async def open(cls, target: Target) -> Self:
        """Connect and verify the certificate. Raises `Unreachable` with the reason."""
        peer, system = target.peer, target.system
        connection: Self | None = None
        try:
            async with asyncio.timeout(target.timeouts.connect_s):
                streams = await asyncio.open_connection(
                    target.host,
                    target.port,
                    ssl=None if target.starttls else target.tls,
                    server_hostname=None if target.starttls else target.server_name,
                )
                connection = cls(streams, target)
                if target.starttls:
                    await connection._start_tls()
        except BaseException as error:
            if connection is not None:
                connection.abort()
            if isinstance(error, ssl.SSLCertVerificationError):
                reason = f"the certificate of {peer} is not accepted: {error.verify_message}"
            elif isinstance(error, ssl.SSLError):
                reason = f"TLS with {peer} failed: {error.reason or error}"
            elif isinstance(error, TimeoutError):
                reason = f"{peer} did not answer within {target.timeouts.connect_s:g} s"
            elif isinstance(error, OSError | EOFError):
                reason = f"{peer} cannot be reached: {error}"
            else:
                raise
            raise Unreachable(reason, system=system) from error
        return connection

    async def _start_tls(self) -> None:
        """Nothing that came in clear before TLS may be taken for an answer under it."""
        answers = await self.ask(messages.start_tls_request(), lost=Unreachable)
        result = final(answers)
        if result.code != messages.SUCCESS:
            reason = f"{self._target.peer} begins no TLS ({result.said})"
            raise Unreachable(reason, system=self._target.system)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self._reader.read(1)
                reason = f"{self._target.peer} sent more in clear where TLS was to begin"
                raise RemoteProtocolError(reason, system=self._target.system)
        await self._writer.start_tls(self._target.tls, server_hostname=self._target.server_name)
        # Quirk: Python 3.11's reader goes on pausing the transport of before.
        setattr(self._reader, "_transport", self._writer.transport)  # noqa: B010 - no public word

    @property
    def certificate_ends(self) -> float:
        """Seconds since 1970 at which the peer's certificate ends."""
        certificate = self._writer.get_extra_info("ssl_object").getpeercert()
        return float(ssl.cert_time_to_seconds(certificate["notAfter"]))

    def fresh(self, idle_s: float) -> bool:
        """Whether it may be used again: not closed by the peer, not rested for too long."""
        rested = asyncio.get_running_loop().time() - self._used_at
        return rested < idle_s and not self._reader.at_eof() and not self._writer.is_closing()

    async def bind(self, dn: str, password: Secret) -> Result:
        return final(await self.bind_with(dn, password, ()))

    async def bind_with(
        self, dn: str, password: Secret, controls: Sequence[Control]
    ) -> list[pureldap.LDAPMessage]:
        """An empty password would be an anonymous bind that succeeds (RFC 4513 section 5.1.2)."""
        if not password.reveal() or not dn:
            raise ConfigError("an empty name or password is never sent to a directory")
        request = pureldap.LDAPBindRequest(dn=dn, auth=password.reveal())
        return await self.ask(request, controls, lost=Unreachable)

    async def ask(
        self,
        request: pureldap.LDAPProtocolRequest,
        controls: Sequence[Control] = (),
        *,
        lost: type[Unreachable | Uncertain],
    ) -> list[pureldap.LDAPMessage]:
        """Send one request and read its answers, the result last.

        Args:
            lost: what it means when no whole answer comes: `Uncertain` for a write.

        Raises:
            RemoteProtocolError: a read was answered with what is no LDAP.
        """
        within = self._target.timeouts.answer_s
        answers: list[pureldap.LDAPMessage] = []
        try:
            async with (
                asyncio.timeout(within),
                contextlib.aclosing(self._exchange(request, controls)) as source,
            ):
                async for answer in source:
                    answers.append(answer)
                    if len(answers) > _MAX_ANSWERS:
                        break
        except (OSError, EOFError, Malformed) as error:
            raise self._told(error, lost, within) from error
        if len(answers) > _MAX_ANSWERS:
            raise self._told(Malformed("answers without end"), lost, within)
        return answers

    async def stream(
        self,
        request: pureldap.LDAPProtocolRequest,
        controls: Sequence[Control] = (),
        *,
        wait_s: float | None,
    ) -> AsyncGenerator[pureldap.LDAPMessage, None]:
        """Send one search and give its answers as they come, the result last.

        Args:
            wait_s: how long the next answer may take; None: for ever (a search that persists).
        """
        async with contextlib.aclosing(self._exchange(request, controls)) as source:
            while True:
                try:
                    async with asyncio.timeout(wait_s):
                        answer = await anext(source)
                except StopAsyncIteration:
                    return
                except (OSError, EOFError, Malformed) as error:
                    raise self._told(error, Unreachable, wait_s or 0.0) from error
                yield answer

    def _told(
        self, error: Exception, lost: type[Unreachable | Uncertain], within: float
    ) -> Unreachable | Uncertain | RemoteProtocolError:
        peer, system = self._target.peer, self._target.system
        if isinstance(error, TimeoutError):
            return lost(f"{peer} gave no answer within {within:g} s", system=system)
        if isinstance(error, Malformed):
            kind = RemoteProtocolError if lost is Unreachable else lost
            return kind(f"{peer} sent {error}", system=system)
        reason = f"{peer} ended the connection without a whole answer"
        return lost(reason, system=system)

    async def _exchange(
        self, request: pureldap.LDAPProtocolRequest, controls: Sequence[Control]
    ) -> AsyncGenerator[pureldap.LDAPMessage, None]:
        message = pureldap.LDAPMessage(request, controls=list(controls) or None)
        self._writer.write(message.toWire())
        await self._writer.drain()
        while True:
            answer = messages.decode(await self._frame())
            if answer.id == 0:
                # Notice of Disconnection, RFC 4511 section 4.4.1: nothing more will come.
                raise ConnectionResetError("notice of disconnection")
            if answer.id != message.id:
                raise Malformed("an answer to a question nobody asked")
            self._used_at = asyncio.get_running_loop().time()
            yield answer
            if isinstance(answer.value, pureldap.LDAPResult):
                return

    async def _frame(self) -> bytes:
        """One BER element: tag, definite length, content (RFC 4511 section 5.1)."""
        head = await self._reader.readexactly(2)
        if head[0] != _SEQUENCE:
            raise Malformed("what is no LDAP message")
        size = head[1]
        if size & 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 4:
                raise Malformed("a length of no LDAP message")
            extra = await self._reader.readexactly(octets)
            head += extra
            size = int.from_bytes(extra, "big")
        if size > messages.MAX_MESSAGE:
            raise Malformed(f"a message of {size} octets")
        return head + await self._reader.readexactly(size)

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        """Unbind (RFC 4511 section 4.3) and close; never raises for what the peer does."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                self._writer.write(pureldap.LDAPMessage(pureldap.LDAPUnbindRequest()).toWire())
                self._writer.close()
                await self._writer.wait_closed()
        self._writer.transport.abort()


def final(answers: Sequence[pureldap.LDAPMessage]) -> Result:
    """The result that ends an operation; `Connection.ask` ends with one or raises."""
    last = answers[-1].value
    if not isinstance(last, pureldap.LDAPResult):
        raise TypeError("an operation ends with a result")
    return messages.result_of(last)
