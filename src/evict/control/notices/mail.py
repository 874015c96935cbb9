# SPDX-License-Identifier: Apache-2.0
"""Notices by mail, through any SMTP server (RFC 5321)."""

from __future__ import annotations

import asyncio
import re
import socket
from email.utils import parseaddr
from typing import Final

import structlog

from evict.config.crosscheck import host_port
from evict.config.notify import MailNotice
from evict.config.secrets import read_secret
from evict.control.notices.message import mail
from evict.control.notices.notice import NotDelivered, Notice
from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import ConfigError, SystemFault
from evict.core.secret import Secret
from evict.probes.base import Login
from evict.probes.dialogue import Dialogue, open_dialogue
from evict.probes.line import transcript_of
from evict.wire import sasl
from evict.wire.reply import Answer, Reply
from evict.wire.smtp import SmtpClient

log = structlog.get_logger()

_PATIENCE_S: Final = 30.0
_PORTS: Final = {"starttls": 587, "implicit": 465, "none": 25}
_HOST: Final = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class Mail:
    """One connection a notice: they are few, and a server that was restarted is no matter."""

    def __init__(self, section: MailNotice, *, patience_s: float = _PATIENCE_S) -> None:
        self._section = section
        self._patience_s = patience_s
        self._sender = parseaddr(section.sender)[1]

    async def send(self, notice: Notice) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await self._send(notice)
        except TimeoutError:
            raise NotDelivered(f"not done within {self._patience_s:g} s") from None
        except (SystemFault, ConfigError) as error:
            raise NotDelivered(error.text) from None

    async def _send(self, notice: Notice) -> None:
        host = await asyncio.to_thread(_own_name)
        client = SmtpClient(host) if host else SmtpClient()
        raw = mail(
            notice,
            sender=self._section.sender,
            recipients=self._section.recipients,
            host=host or self._sender.rpartition("@")[2],
        )
        login = await asyncio.to_thread(self._login)
        dialogue = await open_dialogue(self._endpoint(), client, login, transcript_of(login))
        try:
            await self._deliver(dialogue, client, login, raw)
        finally:
            await dialogue.leave()

    def _endpoint(self) -> Endpoint:
        section = self._section
        host, port = host_port(section.server, _PORTS[section.security])
        return Endpoint(
            system="mail notices",
            protocol="submission",
            host=host,
            port=port,
            tls=Tls(section.security),
            server_name=section.server_name or "",
            ca_file=section.ca_file,
        )

    def _login(self) -> Login:
        file = self._section.password_file
        return Login(
            name=self._section.user or "",
            password=Secret("") if file is None else read_secret(file),
            source=None,
            timeout_s=self._patience_s,
        )

    async def _deliver(
        self, dialogue: Dialogue, client: SmtpClient, login: Login, raw: bytes
    ) -> None:
        if self._section.user is not None:
            _expect(dialogue, await _authenticate(dialogue, client, login), "AUTH")
        _expect(dialogue, await dialogue.ask(client.mail(self._sender)), "MAIL")
        refused: list[str] = []
        for recipient in self._section.recipients:
            address = parseaddr(recipient)[1]
            reply = await dialogue.ask(client.recipient(address))
            if reply.answer is not Answer.YES:
                refused.append(dialogue.said(reply))
        if len(refused) == len(self._section.recipients):
            raise NotDelivered(f"no recipient is taken: {'; '.join(refused)}")
        if refused:
            log.warning("notices.recipient_refused", count=len(refused))
        reply = await dialogue.ask(b"DATA\r\n")
        if reply.code != "354":
            raise NotDelivered(f"DATA: {dialogue.said(reply)}")
        _expect(dialogue, await dialogue.ask(dotted(raw), "(the notice)"), "the end of DATA")


async def _authenticate(dialogue: Dialogue, client: SmtpClient, login: Login) -> Reply:
    """PLAIN, or LOGIN where the server has nothing else (Exchange's default connectors)."""
    password = login.password.reveal()
    if "PLAIN" in client.mechanisms:
        message = sasl.plain(login.name, password)
        reply = await dialogue.ask(client.authenticate("PLAIN", message), "AUTH PLAIN ***")
        if reply.answer is Answer.GO_ON:
            reply = await dialogue.ask(client.respond(message), "***")
        return reply
    if "LOGIN" not in client.mechanisms:
        offered = ", ".join(sorted(client.mechanisms)) or "none"
        raise NotDelivered(f"the server offers neither PLAIN nor LOGIN but {offered}")
    reply = await dialogue.ask(b"AUTH LOGIN\r\n")
    for answer in (login.name, password):
        if reply.answer is not Answer.GO_ON:
            return reply
        reply = await dialogue.ask(client.respond(answer.encode()), "***")
    return reply


def _expect(dialogue: Dialogue, reply: Reply, doing: str) -> None:
    """A 5xx at the content's end refuses this notice alone; everything else is the server's."""
    if reply.answer is not Answer.YES:
        alone = doing == "the end of DATA" and reply.code.startswith("5")
        raise NotDelivered(f"{doing}: {dialogue.said(reply)}", alone=alone)


def dotted(raw: bytes) -> bytes:
    """As DATA carries it: dots doubled, and the one that ends it (RFC 5321 section 4.5.2)."""
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    stuffed = b"." + stuffed if stuffed.startswith(b".") else stuffed
    end = b"" if stuffed.endswith(b"\r\n") else b"\r\n"
    return stuffed + end + b".\r\n"


def _own_name() -> str:
    """The full name of this host where it has one that EHLO may say (RFC 5321 section 4.1.3)."""
    name = socket.getfqdn()
    return name if _HOST.fullmatch(name) else ""
