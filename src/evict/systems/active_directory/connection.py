# SPDX-License-Identifier: Apache-2.0
"""One LDAPS connection: one request at a time, every wait bounded, every loss told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from typing import Final, Self

from anyldap.protocols import pureldap
from msgspec import Struct

from evict.core.errors import RemoteProtocolError, Uncertain, Unreachable
from evict.systems.active_directory import messages
from evict.systems.active_directory.messages import Control, Malformed

_SEQUENCE: Final = 0x30
_MAX_ANSWERS: Final = 20_000


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds. `answer_s` is for one request with all its answers (a page of entries)."""

    connect_s: float = 3.0
    answer_s: float = 6.0


class Connection:
    """Not shared: whoever holds it asks, reads to the end, and gives it back."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        *,
        peer: str,
        system: str,
        timeouts: Timeouts,
    ) -> None:
        self._reader, self._writer = streams
        self._peer = peer
        self._system = system
        self._timeouts = timeouts
        self._used_at = asyncio.get_running_loop().time()

    @classmethod
    async def open(  # noqa: PLR0913 - what a verified connection needs
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext,
        server_name: str,
        system: str,
        timeouts: Timeouts,
    ) -> Self:
        """Connect and verify the certificate. Raises `Unreachable` with the reason."""
        peer = f"{host}:{port}"
        try:
            async with asyncio.timeout(timeouts.connect_s):
                streams = await asyncio.open_connection(
                    host, port, ssl=tls, server_hostname=server_name
                )
        except ssl.SSLCertVerificationError as error:
            reason = f"the certificate of {peer} is not accepted: {error.verify_message}"
            raise Unreachable(reason, system=system) from error
        except ssl.SSLError as error:
            reason = f"TLS with {peer} failed: {error.reason or error}"
            raise Unreachable(reason, system=system) from error
        except TimeoutError as error:
            reason = f"{peer} did not answer within {timeouts.connect_s:g} s"
            raise Unreachable(reason, system=system) from error
        except OSError as error:
            raise Unreachable(f"{peer} cannot be reached: {error}", system=system) from error
        return cls(streams, peer=peer, system=system, timeouts=timeouts)

    @property
    def certificate_ends(self) -> float:
        """Seconds since 1970 at which the peer's certificate ends."""
        certificate = self._writer.get_extra_info("ssl_object").getpeercert()
        return float(ssl.cert_time_to_seconds(certificate["notAfter"]))

    def fresh(self, idle_s: float) -> bool:
        """Whether it may be used again: not closed by the peer, not rested for too long."""
        rested = asyncio.get_running_loop().time() - self._used_at
        return rested < idle_s and not self._reader.at_eof() and not self._writer.is_closing()

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
        message = pureldap.LDAPMessage(request, controls=list(controls) or None)
        try:
            async with asyncio.timeout(self._timeouts.answer_s):
                self._writer.write(message.toWire())
                await self._writer.drain()
                answers = await self._answers(message.id)
        except TimeoutError as error:
            reason = f"{self._peer} gave no answer within {self._timeouts.answer_s:g} s"
            raise lost(reason, system=self._system) from error
        except (OSError, EOFError) as error:
            reason = f"{self._peer} ended the connection without a whole answer"
            raise lost(reason, system=self._system) from error
        except Malformed as error:
            kind = RemoteProtocolError if lost is Unreachable else lost
            raise kind(f"{self._peer} sent {error}", system=self._system) from error
        self._used_at = asyncio.get_running_loop().time()
        return answers

    async def _answers(self, message_id: int) -> list[pureldap.LDAPMessage]:
        answers: list[pureldap.LDAPMessage] = []
        while len(answers) < _MAX_ANSWERS:
            answer = messages.decode(await self._frame())
            if answer.id == 0:
                # Notice of Disconnection, RFC 4511 section 4.4.1: nothing more will come.
                raise ConnectionResetError("notice of disconnection")
            if answer.id != message_id:
                raise Malformed("an answer to a question nobody asked")
            answers.append(answer)
            if isinstance(answer.value, pureldap.LDAPResult):
                return answers
        raise Malformed("answers without end")

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
