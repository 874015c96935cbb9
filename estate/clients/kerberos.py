# SPDX-License-Identifier: Apache-2.0
"""An IMAP login with a Kerberos service ticket that was taken before."""

from __future__ import annotations

import base64
import os

import gssapi
from gssapi.raw import acquire_cred_with_password

from estate.clients.lines import Refused
from estate.clients.sessions import Imap
from estate.layout import MAIL_HOST, REALM, Layout
from estate.people import Person


class Ticket:
    """A service ticket for IMAP, in memory. Once it is taken, the KDC is not asked again.

    Sets KRB5_CONFIG of this process: the library has no other way to be told.
    """

    def __init__(self, layout: Layout, person: Person) -> None:
        os.environ["KRB5_CONFIG"] = str(layout.krb5_config)
        principal = gssapi.Name(f"{person.name}@{REALM}", gssapi.NameType.user)
        acquired = acquire_cred_with_password(principal, person.password.encode(), usage="initiate")
        self._credentials = gssapi.Credentials(acquired.creds)
        self.context().step()

    def context(self) -> gssapi.SecurityContext:
        """A fresh context; its first step takes the service ticket from memory or the KDC."""
        service = gssapi.Name(f"imap@{MAIL_HOST}", gssapi.NameType.hostbased_service)
        return gssapi.SecurityContext(name=service, creds=self._credentials, usage="initiate")


class ImapKerberos(Imap):
    """IMAP session by GSSAPI (RFC 4752)."""

    def __init__(self, layout: Layout, person: Person, source: str, ticket: Ticket) -> None:
        self._ticket = ticket
        super().__init__(layout, person, source)

    def log_in(self, name: str, password: str) -> None:  # noqa: ARG002 the ticket stands for both
        context = self._ticket.context()
        self.lines.line()
        self.lines.send("a AUTHENTICATE GSSAPI")
        token = context.step()
        while (line := self.lines.line()).startswith("+"):
            challenge = base64.b64decode(line[1:])
            if challenge and not context.complete:
                token = context.step(challenge) or b""
            elif challenge:
                # no security layer, no other identity than the ticket's
                context.unwrap(challenge)
                token = context.wrap(b"\x01\x00\x00\x00", encrypt=False).message
            self.lines.send(base64.b64encode(token or b"").decode())
            token = b""
        if line.startswith("*"):
            line = self.lines.line()
        if not line.startswith("a OK"):
            raise Refused(line)
        self.command("SELECT INBOX")
