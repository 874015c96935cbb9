# SPDX-License-Identifier: Apache-2.0
"""What the probes of all line protocols share: the negative login and the witness that beats."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from evict.core.door import Credential
from evict.core.endpoint import Endpoint, door_of
from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.sighting import Method, Outcome, Sighting
from evict.probes.base import Login, Witness, utc_now, where
from evict.probes.dialogue import Dialogue, open_dialogue
from evict.probes.transcript import Transcript
from evict.wire import sasl
from evict.wire.reply import Answer, LineClient, Reply

NEGATIVE_LOGIN: Final = (Credential.PASSWORD, Method.NEGATIVE_LOGIN)


class Seen(Struct, frozen=True):
    """What a try came to."""

    outcome: Outcome
    detail: str


async def look(
    endpoint: Endpoint,
    kind: tuple[Credential, Method],
    transcript: Transcript,
    attempt: Callable[[], Awaitable[Seen]],
) -> Sighting:
    """Run a try at a door and make a sighting of it; what a server does is never raised."""
    started_at = utc_now()
    try:
        seen = await attempt()
    except Unreachable as error:
        seen = Seen(Outcome.UNREACHABLE, error.text)
    except (Uncertain, RemoteProtocolError, Unsupported) as error:
        seen = Seen(Outcome.UNCLEAR, error.text)
    return Sighting(
        door=door_of(endpoint, kind[0]),
        method=kind[1],
        where=where(endpoint),
        outcome=seen.outcome,
        started_at=started_at,
        ended_at=utc_now(),
        detail=seen.detail,
        transcript=transcript.lines(),
    )


def judge_login(dialogue: Dialogue, reply: Reply) -> Seen:
    """A yes, a refusal of these very credentials, or neither."""
    said = dialogue.said(reply)
    if reply.answer is Answer.YES:
        return Seen(Outcome.LET_IN, f"the login was accepted: {said}")
    if dialogue.client.refuses(reply):
        return Seen(Outcome.REFUSED, f"the login was refused: {said}")
    return Seen(Outcome.UNCLEAR, f"neither let in nor refused: {said}")


class LineProber:
    """A `Prober` of one line protocol.

    Args:
        client: makes the protocol's codec, one a connection.
    """

    def __init__(self, client: Callable[[], LineClient]) -> None:
        self._client = client

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        transcript = transcript_of(login)

        async def attempt() -> Seen:
            dialogue = await open_dialogue(endpoint, self._client(), login, transcript)
            try:
                reply = await self.authenticate(dialogue, login)
                if reply.answer is Answer.YES:
                    await dialogue.leave()
                return judge_login(dialogue, reply)
            finally:
                await dialogue.close()

        return await look(endpoint, NEGATIVE_LOGIN, transcript, attempt)

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Log in and stay.

        Raises:
            Unreachable, Uncertain, RemoteProtocolError, Unsupported.
            AccessRefused: the login was refused.
        """
        dialogue = await open_dialogue(endpoint, self._client(), login, transcript_of(login))
        try:
            reply = await self.authenticate(dialogue, login)
            _insist_on_let_in(judge_login(dialogue, reply), endpoint)
            return await self.witness(dialogue, login)
        except BaseException:
            await dialogue.close()
            raise

    async def authenticate(self, dialogue: Dialogue, login: Login) -> Reply:
        """SASL PLAIN; the password goes along, or after an empty challenge.

        Raises:
            Unsupported: the server does not offer it, so a no would say nothing of the password.
        """
        if "PLAIN" not in dialogue.client.mechanisms:
            raise Unsupported("the server offers no PLAIN here", system=dialogue.endpoint.system)
        message = sasl.plain(login.name, login.password.reveal())
        command = dialogue.client.authenticate("PLAIN", message)
        reply = await dialogue.ask(command, "(authenticates) PLAIN ***")
        if reply.answer is Answer.GO_ON:
            reply = await dialogue.ask(dialogue.client.respond(message), "***")
        return reply

    async def witness(self, dialogue: Dialogue, login: Login) -> Witness:
        """The live session, once the login was accepted."""
        return LineWitness(dialogue, login)


def _insist_on_let_in(seen: Seen, endpoint: Endpoint) -> None:
    if seen.outcome is Outcome.REFUSED:
        raise AccessRefused(f"no witness: {seen.detail}", system=endpoint.system)
    if seen.outcome is not Outcome.LET_IN:
        raise Uncertain(f"no witness: {seen.detail}", system=endpoint.system)


class LineWitness:
    """A `Witness` that says NOOP.

    A beat that got no answer in time leaves its answer owed: the next beat waits for that one
    and sends nothing, so that answers and commands never get out of step.
    """

    def __init__(self, dialogue: Dialogue, login: Login) -> None:
        self._dialogue = dialogue
        self._timeout_s = login.timeout_s
        self._owed = False

    @property
    def endpoint(self) -> Endpoint:
        return self._dialogue.endpoint

    async def beat(self) -> Outcome:
        self._dialogue.renew_deadline(self._timeout_s)
        try:
            return await self._beat()
        except SystemFault:
            return Outcome.UNCLEAR

    async def _beat(self) -> Outcome:
        return outcome_of(await self._ask(self._dialogue.client.noop()))

    async def _ask(self, command: bytes) -> Reply:
        waiting, self._owed = self._owed, True
        reply = await (self._dialogue.hear() if waiting else self._dialogue.ask(command))
        self._owed = False
        return reply

    def transcript(self) -> tuple[str, ...]:
        return self._dialogue.transcript.lines()

    async def close(self) -> None:
        await self._dialogue.leave()


def outcome_of(reply: Reply) -> Outcome:
    """What an answer to a harmless command says of the session."""
    if reply.answer is Answer.YES:
        return Outcome.LET_IN
    return Outcome.CUT if reply.answer in (Answer.BYE, Answer.CUT) else Outcome.UNCLEAR


def transcript_of(login: Login) -> Transcript:
    """A transcript that knows the secrets of this login, as they go over the wire."""
    password = login.password.reveal()
    message = sasl.plain(login.name, password)
    return Transcript((password.encode(), sasl.encode(message), sasl.encode(password.encode())))
