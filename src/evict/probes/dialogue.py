# SPDX-License-Identifier: Apache-2.0
"""One line dialogue with one server: a codec, a connection, a transcript."""

from __future__ import annotations

import asyncio

from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import RemoteProtocolError, Uncertain, Unreachable, Unsupported
from evict.probes.base import Login
from evict.probes.transcript import Transcript
from evict.probes.transport import Connection, connect
from evict.wire.reply import Answer, LineClient, Reply


class Dialogue:
    """Says one command at a time and hears its reply. The end of a connection is a reply too."""

    def __init__(
        self,
        endpoint: Endpoint,
        client: LineClient,
        connection: Connection,
        transcript: Transcript,
    ) -> None:
        self.endpoint = endpoint
        self.client = client
        self.transcript = transcript
        self._connection = connection

    async def ask(self, command: bytes, shown: str | None = None) -> Reply:
        """Send a command and hear its reply.

        Args:
            shown: what the transcript shows instead, where the command holds a secret.
        """
        text = shown or command.decode("utf-8", "replace").rstrip("\r\n")
        self.transcript.sent(text)
        self._connection.write(command)
        return await self.hear()

    async def hear(self) -> Reply:
        """The next reply; `Answer.CUT` where the connection ended instead.

        Raises:
            Uncertain: none came in time.
            RemoteProtocolError: it is no reply of this protocol.
        """
        while True:
            try:
                reply = self.client.next_reply()
            except RemoteProtocolError as error:
                self.transcript.note(error.text)
                raise
            if reply is not None:
                self._note(reply)
                return reply
            data = await self._read()
            if not data:
                self.transcript.note("end of connection")
                return Reply(answer=Answer.CUT, text="the server ended the connection")
            self.client.feed(data)

    def _note(self, reply: Reply) -> None:
        if reply.challenge:
            self.transcript.note("a SASL challenge")
            return
        for line in reply.lines:
            self.transcript.received(line)

    async def _read(self) -> bytes:
        try:
            return await self._connection.read()
        except Uncertain as error:
            self.transcript.note(error.text)
            raise

    async def start_tls(self) -> None:
        """Ask for TLS and begin it.

        Raises:
            Unsupported: the server does not do it here.
            Unreachable: TLS does not stand, or more came in clear than the answer.
        """
        reply = await self.ask(self.client.starttls())
        if reply.answer is not Answer.YES:
            text = f"no STARTTLS: {self.said(reply)}"
            raise Unsupported(text, system=self.endpoint.system)
        if self.client.pending:
            text = "more came in clear than the answer to STARTTLS"
            raise Unreachable(text, system=self.endpoint.system)
        self.client.mechanisms = frozenset()
        await self._connection.start_tls()
        if self.client.greets_after_tls:
            self.expect(await self.hear(), "after TLS")

    def expect(self, reply: Reply, where: str) -> None:
        """Raise `Uncertain` where a server that should let everybody go on does not."""
        if reply.answer is not Answer.YES:
            raise Uncertain(f"{where}: {self.said(reply)}", system=self.endpoint.system)

    def said(self, reply: Reply) -> str:
        """What the server said, for people: printable, without secrets."""
        words = " ".join(part for part in (reply.code, reply.text) if part)
        return self.transcript.clean(words.encode())[:160] or reply.answer.value

    def renew_deadline(self, timeout_s: float) -> None:
        self._connection.deadline = asyncio.get_running_loop().time() + timeout_s

    async def leave(self) -> None:
        """Say goodbye, wait for nothing, end the connection; never raises."""
        self.transcript.sent("(leaves)")
        self._connection.write(self.client.leave())
        await self._connection.close()

    async def close(self) -> None:
        """End the connection; never raises."""
        await self._connection.close()


async def open_dialogue(
    endpoint: Endpoint, client: LineClient, login: Login, transcript: Transcript
) -> Dialogue:
    """Connect, hear the greeting, begin TLS where it is asked for, hear what is offered.

    Raises:
        Unreachable, Uncertain, RemoteProtocolError, Unsupported.
    """
    connection = await connect(endpoint, login.source, login.timeout_s)
    dialogue = Dialogue(endpoint, client, connection, transcript)
    try:
        dialogue.expect(await dialogue.hear(), "greeting")
        if endpoint.tls is Tls.STARTTLS:
            await dialogue.ask(client.capability())
            await dialogue.start_tls()
        await dialogue.ask(client.capability())
    except BaseException:
        await dialogue.close()
        raise
    return dialogue
