# SPDX-License-Identifier: Apache-2.0
"""Probes of ActiveSync: a phone that asks for its folders and has a Ping held."""

from __future__ import annotations

import asyncio
from typing import Final

from evict.core.endpoint import Endpoint
from evict.core.errors import AccessRefused, SystemFault, Uncertain
from evict.core.sighting import Outcome, Sighting
from evict.probes.activesync_phone import Phone
from evict.probes.base import Login, Witness
from evict.probes.line import Seen, look, transcript_of
from evict.probes.web import NEGATIVE_LOGIN, outcome_of
from evict.wire.activesync import Ping
from evict.wire.activesync_reading import judge
from evict.wire.reading import Reading, Says

_HEARTBEAT_S: Final = 900
"""Typical: https://learn.microsoft.com/exchange/direct-push-exchange-2013-help"""


class ActiveSyncProber:
    """A `Prober`. Where a try is let in it leaves a partnership of its own."""

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        transcript = transcript_of(login)

        async def attempt() -> Seen:
            phone = Phone(endpoint, login, "negative login", transcript)
            try:
                reading = judge(await phone.come_in(), whole_person=True)
                return Seen(outcome_of(reading), reading.words)
            finally:
                await phone.close()

        return await look(endpoint, NEGATIVE_LOGIN, transcript, attempt)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Sign in, list the folders, and have a Ping held.

        Raises:
            Unreachable, Uncertain, RemoteProtocolError, Unsupported.
            AccessRefused: the login was refused.
        """
        phone = Phone(endpoint, login, "witness", transcript_of(login))
        try:
            reading = judge(await phone.come_in(), whole_person=False)
            _insist_on_let_in(reading, phone)
            witness = ActiveSyncWitness(phone)
            await witness.hold()
        except BaseException:
            await phone.close()
            raise
        return witness


def _insist_on_let_in(reading: Reading, phone: Phone) -> None:
    system = phone.endpoint.system
    if reading.says is Says.REFUSED:
        raise AccessRefused(f"no witness: {reading.words}", system=system)
    if reading.says is not Says.IN:
        raise Uncertain(f"no witness: {reading.words}", system=system)
    if not phone.inbox:
        raise Uncertain("no witness: there is no inbox among the folders", system=system)


class ActiveSyncWitness:
    """A phone with a Ping held; a beat is its next request.

    A phone whose Ping was cut asks again, so a cut alone is no end: that next request decides. A
    Ping that is still held while requests are refused tells at most that something changed.
    """

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._ping: asyncio.Task[None] | None = None
        self._heartbeat_s = _HEARTBEAT_S
        self._cut = False

    @property
    def endpoint(self) -> Endpoint:
        return self._phone.endpoint

    @property
    def held(self) -> bool:
        """A Ping is in flight."""
        return self._ping is not None and not self._ping.done()

    async def hold(self) -> None:
        """Send a Ping where none is held, and wait until it is on its way."""
        if not self.held:
            self._cut = False
            self._phone.ping_sent.clear()
            self._ping = asyncio.create_task(self._be_held())
            await self._sent(self._ping)

    async def _sent(self, ping: asyncio.Task[None]) -> None:
        sent = asyncio.create_task(self._phone.ping_sent.wait())
        try:
            await asyncio.wait(
                (sent, ping),
                timeout=self._phone.timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            sent.cancel()

    async def beat(self) -> Outcome:
        """CUT: the Ping was ended or refused, and so is the next request."""
        try:
            reply = await self._phone.folders()
            if not reply.http:  # a kept connection may have ended meanwhile
                reply = await self._phone.folders()
            outcome = outcome_of(judge(reply, whole_person=False))
            if outcome is Outcome.REFUSED:
                outcome = await self._fetches_mail(outcome)
        except SystemFault:
            return Outcome.UNCLEAR
        if outcome is Outcome.LET_IN:
            await self.hold()
        elif self._cut and (reply.answers or outcome is Outcome.REFUSED):
            return Outcome.CUT
        return outcome

    async def _fetches_mail(self, refused: Outcome) -> Outcome:
        """A refusal of the list of folders counts where the Sync that fetches mail is refused too.

        Raises:
            SystemFault: it got no answer.
        """
        reading = judge(await self._phone.sync(), whole_person=False)
        return refused if reading.says is Says.REFUSED else outcome_of(reading)

    async def _be_held(self) -> None:
        """Note what became of it; a heartbeat that does not suit is taken from the answer."""
        try:
            reply = await self._phone.ping(self._heartbeat_s)
        except SystemFault:
            return
        self._cut = not reply.answers or reply.status > max(Ping)
        if reply.root is not None and reply.status == Ping.HEARTBEAT_OUT_OF_RANGE:
            text = reply.root.text("Ping:HeartbeatInterval") or ""
            if text.isascii() and text.isdigit() and len(text) < 6:
                self._heartbeat_s = int(text) or _HEARTBEAT_S

    def transcript(self) -> tuple[str, ...]:
        return self._phone.transcript.lines()

    async def close(self) -> None:
        """End it; a Ping that is held ends with its connection.

        Not before it is sent: the HTTP library leaves open what is cancelled in a handshake.
        """
        if self._ping is not None:
            await self._sent(self._ping)
            self._ping.cancel()
            await asyncio.gather(self._ping, return_exceptions=True)
        await self._phone.close()
