# SPDX-License-Identifier: Apache-2.0
"""Who is told: a web server and an SMTP server, good or bad as a test wants."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Hook:
    """One POST as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.body)["data"])

    @property
    def type(self) -> str:
        return str(json.loads(self.body)["type"])


def signature_is_right(hook: Hook, secret: str) -> bool:
    """As a receiver verifies it, written from the specification alone."""
    key = base64.b64decode(secret[len("whsec_") :])
    signed = f"{hook.headers['webhook-id']}.{hook.headers['webhook-timestamp']}.".encode()
    wanted = base64.b64encode(hmac.new(key, signed + hook.body, hashlib.sha256).digest()).decode()
    return any(
        hmac.compare_digest(one, f"v1,{wanted}")
        for one in hook.headers["webhook-signature"].split(" ")
    )


@dataclass
class WebReceiver:
    """Attributes: `answers` are given one after the other, then 200; None: never an answer."""

    host: str
    port: int = 0
    answers: list[str | None] = field(default_factory=list)
    hooks: list[Hook] = field(default_factory=list)
    tries: int = 0

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}/evict"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            await self._once(reader, writer)
        writer.close()

    async def _once(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else "200 OK"
        if answer is None:
            await asyncio.sleep(3600)
            return
        if answer.startswith("2"):
            self.hooks.append(Hook(headers, body))
        more = "".join(f"{line}\r\n" for line in answer.split("\n")[1:])
        status = answer.split("\n", maxsplit=1)[0]
        text = f"HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(text.encode())
        await writer.drain()


@asynccontextmanager
async def web(host: str, tls: ssl.SSLContext) -> AsyncIterator[WebReceiver]:
    receiver = WebReceiver(host)
    at_work: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.add(asyncio.create_task(receiver._serve(reader, writer)))

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in at_work:
            task.cancel()
        if at_work:
            await asyncio.wait(at_work)


@dataclass
class Mailbox:
    """What an SMTP server took."""

    host: str
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    @property
    def server(self) -> str:
        return f"{self.host}:{self.port}"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        raw = envelope.content
        assert isinstance(raw, bytes)
        self.raw.append(raw)
        self.mails.append(message_from_bytes(raw, policy=POLICY))
        self.envelopes.append((str(envelope.mail_from), tuple(envelope.rcpt_tos)))
        self.users.append(str(session.auth_data or ""))
        return "250 taken"


@contextlib.contextmanager
def smtp(host: str, port: int, tls: ssl.SSLContext | None, how: str, **more: Any) -> Any:
    """A real SMTP server of aiosmtpd, with STARTTLS, implicit TLS or none."""
    mailbox = Mailbox(host, port)

    def check(_: object, __: object, ___: object, ____: object, data: object) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False)
        good = (data.login, data.password) == (b"evict", b"p\xc3\xa4ss")
        return AuthResult(success=good, handled=False, auth_data=data.login.decode())

    options: dict[str, Any] = {"authenticator": check, "enable_SMTPUTF8": False, **more}
    if how == "starttls":
        options |= {"tls_context": tls, "require_starttls": True}
    controller = Controller(
        mailbox,
        hostname=host,
        port=port,
        ssl_context=tls if how == "implicit" else None,
        **options,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def scripted(host: str, script: Script) -> AsyncIterator[int]:
    """A server that says what it likes; its port."""
    at_work: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, EOFError):
                await script(reader, writer)
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(connected, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in at_work:
            task.cancel()
        await asyncio.wait(at_work)
