# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.probes.base import Login
from evict.probes.dialogue import Dialogue
from evict.probes.line import LineProber
from evict.wire.imap import ImapClient
from evict.wire.reply import Reply


class ImapProber(LineProber):
    """IMAP: a witness says NOOP and never selects a mailbox."""

    def __init__(self) -> None:
        super().__init__(ImapClient)

    async def authenticate(self, dialogue: Dialogue, login: Login) -> Reply:
        """PLAIN, or LOGIN where only that is there (RFC 9051 section 6.2.3)."""
        client = dialogue.client
        if isinstance(client, ImapClient) and client.offers_only_login:
            command = client.login(login.name, login.password.reveal())
            return await dialogue.ask(command, "LOGIN *** ***")
        return await super().authenticate(dialogue, login)
