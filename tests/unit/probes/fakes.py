# SPDX-License-Identifier: Apache-2.0
"""Servers that speak the protocols over real sockets, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from evict.core.endpoint import Endpoint, Tls
from evict.core.secret import Secret
from evict.probes.base import Login
from evict.wire import imap, ldap_bind, managesieve, pop3, sasl, smtp
from evict.wire.lines import Lines

HOST = "127.81.7.1"
SOURCE = "127.81.7.99"
NAME = "mail.corp.test"
PASSWORD = "Pass-alice1"


class Fault(StrEnum):
    """What a server does in place of an answer."""

    HANG = "hang"
    EOF = "eof"
    RESET = "reset"
    HALF = "half"
    GARBAGE = "garbage"
    OVERSIZED = "oversized"
    FLOOD = "flood"


class End(Exception):
    """The server's part in this connection is over."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.lines = Lines("fake")

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def line(self) -> bytes:
        while (line := self.lines.next_line()) is None:
            data = await self.reader.read(4096)
            if not data:
                raise End
            self.lines.feed(data)
        return line

    async def misbehave(self, fault: Fault) -> None:
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        elif fault is Fault.RESET:
            self.writer.transport.abort()
        elif fault is Fault.HALF:
            self.send(b"+O")
            await self.writer.drain()
        elif fault is Fault.GARBAGE:
            self.send(b"\x00\xff\xfe\x16\x03 {3}\r\n\r\n\r\n")
            await asyncio.Event().wait()
        elif fault is Fault.OVERSIZED:
            self.send(b"+OK " + b"x" * 100_000)
            await asyncio.Event().wait()
        elif fault is Fault.FLOOD:
            while not self.writer.is_closing():
                self.send(b"* 1 x\r\n" * 1000)
                await self.writer.drain()
        raise End


class Fake(ABC):
    """One server; subclasses speak one protocol.

    Attributes:
        faults: what to do in place of answering a command; "GREETING" and "TLS" are commands too.
        verdict: raw answer to a login in place of the honest one.
        sessions: peers that are logged in.
        seen: commands that came, in order.
    """

    protocol = ""
    yes, no, ready = b"", b"", b""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        self.faults: dict[str, Fault] = {}
        self.verdict: bytes | None = None
        self.noop = b""
        self.sessions: list[Peer] = []
        self.seen: list[str] = []

    async def misstep(self, peer: Peer, command: str) -> None:
        self.seen.append(command)
        if (fault := self.faults.get(command)) is not None:
            await peer.misbehave(fault)

    @abstractmethod
    async def serve(self, peer: Peer) -> None:
        """The dialogue of one connection; ends with `End`."""

    async def upgrade(self, peer: Peer) -> None:
        await self.misstep(peer, "TLS")
        assert self.context is not None
        await peer.writer.start_tls(self.context)

    def judge(self, peer: Peer, message: bytes, tag: str = "") -> None:
        """Answer a PLAIN login."""
        good = sasl.parse_plain(message)[1] == PASSWORD
        if good:
            self.sessions.append(peer)
        answer = self.verdict or (self.yes if good else self.no)
        peer.send(answer.replace(b"TAG", tag.encode()))

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        try:
            await self.misstep(peer, "GREETING")
            await self.serve(peer)
        except (End, ConnectionError, ssl.SSLError):
            return
        finally:
            writer.close()


class ImapFake(Fake):
    protocol = "imap"
    yes, no = b"TAG OK in\r\n", b"TAG NO [AUTHENTICATIONFAILED] no\r\n"
    capabilities = "CAPABILITY IMAP4rev1 SASL-IR STARTTLS AUTH=PLAIN"

    async def serve(self, peer: Peer) -> None:
        peer.send(imap.respond("*", "OK", "ready"))
        while True:
            command = imap.parse_command(await peer.line())
            tag = command.tag
            await self.misstep(peer, command.name)
            if command.name == "CAPABILITY":
                peer.send(imap.untagged(self.capabilities) + imap.respond(tag, "OK", "done"))
            elif command.name == "STARTTLS":
                peer.send(imap.respond(tag, "OK", "begin"))
                await self.upgrade(peer)
            elif command.name == "AUTHENTICATE":
                message = command.arguments[1:] or [await self._challenge(peer)]
                self.judge(peer, sasl.decode(message[0].encode()), tag)
            elif command.name == "LOGIN":
                self.judge(peer, sasl.plain(*command.arguments), tag)
            elif command.name == "NOOP":
                peer.send(self.noop or imap.respond(tag, "OK", "done"))
            else:
                peer.send(imap.respond("*", "BYE", "bye") + imap.respond(tag, "OK", "done"))

    async def _challenge(self, peer: Peer) -> str:
        peer.send(imap.challenge())
        return (await peer.line()).decode()


class Pop3Fake(Fake):
    protocol = "pop3"
    yes, no = pop3.ok("in"), pop3.err("no", "AUTH")

    async def serve(self, peer: Peer) -> None:
        peer.send(pop3.ok("ready"))
        while True:
            command = pop3.parse_command(await peer.line())
            await self.misstep(peer, command.name)
            if command.name == "CAPA":
                peer.send(pop3.listing(("STLS", "SASL PLAIN")))
            elif command.name == "STLS":
                peer.send(pop3.ok("begin"))
                await self.upgrade(peer)
            elif command.name == "AUTH":
                self.judge(peer, sasl.decode(command.arguments[1].encode()))
            else:
                peer.send(self.noop or pop3.ok())


class SieveFake(Fake):
    protocol = "managesieve"
    yes, no = managesieve.respond("OK", "in"), managesieve.respond("NO", "no")

    async def serve(self, peer: Peer) -> None:
        hello = managesieve.capabilities({"SASL": "PLAIN", "STARTTLS": None})
        peer.send(hello)
        while True:
            command = managesieve.parse_command(await peer.line())
            await self.misstep(peer, command.name)
            if command.name == "CAPABILITY":
                peer.send(hello)
            elif command.name == "STARTTLS":
                peer.send(managesieve.respond("OK", "begin"))
                await self.upgrade(peer)
                peer.send(hello)
            elif command.name == "AUTHENTICATE":
                self.judge(peer, sasl.decode(command.arguments[1]))
            else:
                peer.send(self.noop or managesieve.respond("OK", "done"))


class SmtpFake(Fake):
    protocol = "submission"
    yes, no = smtp.respond(235, "2.7.0 in"), smtp.respond(535, "5.7.8 no")

    async def serve(self, peer: Peer) -> None:
        peer.send(smtp.respond(220, "ready"))
        while True:
            command = smtp.parse_command(await peer.line())
            await self.misstep(peer, command.verb)
            if command.verb == "EHLO":
                peer.send(smtp.respond(250, NAME, "STARTTLS", "AUTH PLAIN"))
            elif command.verb == "STARTTLS":
                peer.send(smtp.respond(220, "begin"))
                await self.upgrade(peer)
            elif command.verb == "AUTH":
                self.judge(peer, sasl.decode(command.argument.split(" ")[1].encode()))
            elif command.verb == "RCPT":
                peer.send(self.noop or smtp.respond(250, "2.1.5 ok"))
            else:
                peer.send(smtp.respond(250, "2.0.0 ok"))


class LdapFake(Fake):
    protocol = "ldap"
    text = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1"
    starttls = b""
    """Raw answer to StartTLS in place of a yes."""

    async def serve(self, peer: Peer) -> None:
        content = await self._message(peer)
        if ldap_bind.asks_for_tls(content):
            await self.misstep(peer, "STARTTLS")
            peer.send(self.starttls or ldap_bind.starttls_response(0))
            await self.upgrade(peer)
            content = await self._message(peer)
        await self.misstep(peer, "BIND")
        good = ldap_bind.parse_request(content).password == PASSWORD
        answer = ldap_bind.bind_response(0) if good else ldap_bind.bind_response(49, self.text)
        peer.send(self.verdict or answer)
        await peer.reader.read(4096)

    async def _message(self, peer: Peer) -> bytes:
        messages = ldap_bind.Messages()
        while (content := messages.next_message()) is None:
            data = await peer.reader.read(4096)
            if not data:
                raise End
            messages.feed(data)
        return content


LINE_FAKES: tuple[Callable[[ssl.SSLContext | None], Fake], ...] = (
    ImapFake,
    Pop3Fake,
    SieveFake,
    SmtpFake,
)


@asynccontextmanager
async def listening(fake: Fake, *, tls: Tls = Tls.NONE) -> AsyncIterator[Endpoint]:
    """Run a fake; what it still does at the end is cancelled."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(fake.handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    context = fake.context if tls is Tls.IMPLICIT else None
    server = await asyncio.start_server(accept, HOST, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Endpoint(
            system="mail", protocol=fake.protocol, host=HOST, port=port, tls=tls, server_name=NAME
        )
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def login(password: str = PASSWORD, *, timeout_s: float = 2.0) -> Login:
    return Login(
        name="alice@corp.test",
        password=Secret(password),
        source=SOURCE,
        timeout_s=timeout_s,
        address="alice@corp.test",
    )
