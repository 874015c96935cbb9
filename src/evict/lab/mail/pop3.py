# SPDX-License-Identifier: Apache-2.0
"""POP3 on the organisation's mailboxes. Spec: RFC 1939, RFC 2449 (CAPA), RFC 5034 (AUTH)."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from evict.core.errors import RemoteProtocolError
from evict.lab.mail import rendering, uids
from evict.lab.mail.logins import Door, Live
from evict.lab.mail.service import LineServer
from evict.lab.mail.wire import Gone, MailLimits, TooLong, Wire
from evict.lab.model.mailbox import Message
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denial, Denied, Protocol
from evict.wire import sasl
from evict.wire.pop3 import Pop3Command, err, ok, parse_command

_INBOX: Final = "Inbox"
_MAX_BAD: Final = 20
_REFUSED: Final = "Logon failure: unknown user name or bad password."
"""Said of a wrong password, and of a door that is shut for another reason alike (assumed)."""


class PopServer(LineServer):
    """POP3 of one client access server. See `service.LineServer`."""

    def __init__(
        self, organisation: Organisation, server_name: str, *, limits: MailLimits | None = None
    ) -> None:
        super().__init__(Door(organisation, server_name, Protocol.POP3), limits)

    async def serve(self, wire: Wire, tls: ssl.SSLContext) -> None:
        await PopConnection(self.door, wire, tls).talk()


class PopConnection:
    """One client. What lay in the inbox at the login is what it sees (RFC 1939 section 5)."""

    def __init__(self, door: Door, wire: Wire, tls: ssl.SSLContext) -> None:
        self._door = door
        self._wire = wire
        self._tls = tls
        self._live: Live | None = None
        self._name = ""
        self._seen: list[tuple[int, Message]] = []
        self._deleted: set[int] = set()
        self._leaving = False
        self._bad = 0
        self._before: dict[str, Callable[[Pop3Command], Awaitable[None]]] = {
            "CAPA": self._capa,
            "STLS": self._stls,
            "USER": self._user,
            "PASS": self._pass,
            "AUTH": self._auth,
            "QUIT": self._quit,
        }
        self._after: dict[str, Callable[[Pop3Command], Awaitable[None]]] = {
            "CAPA": self._capa,
            "STAT": self._stat,
            "LIST": self._list,
            "UIDL": self._uidl,
            "RETR": self._retr,
            "TOP": self._top,
            "DELE": self._dele,
            "NOOP": self._noop,
            "RSET": self._rset,
            "QUIT": self._quit,
        }

    async def talk(self) -> None:
        await self._wire.send(ok("The Microsoft Exchange POP3 service is ready."))
        try:
            while not self._leaving:
                await self._turn()
        except TimeoutError:
            self._wire.end(err("The connection rested too long."))
        except TooLong:
            self._wire.end(err("A line that is too long."))
        finally:
            self._door.leave(self._live)

    async def _turn(self) -> None:
        wait_s = None if self._live else self._wire.limits.before_login_s
        line = await self._wire.line(wait_s)
        if self._live is not None and self._door.use(self._live) is not None:
            self._wire.end(err("Connection is closed.", "SYS/TEMP"))
            raise Gone
        try:
            command = _command(line)
        except RemoteProtocolError:
            await self._no("Protocol error.")
            return
        handlers = self._before if self._live is None else self._after
        handler = handlers.get(command.name)
        if handler is None:
            await self._no("Protocol error.")
        else:
            await handler(command)

    async def _no(self, text: str) -> None:
        self._bad += 1
        if self._bad > _MAX_BAD:
            self._wire.end(err(text))
            raise Gone
        await self._wire.send(err(text))

    # --- before the login ---
    async def _capa(self, command: Pop3Command) -> None:
        del command
        words = [b"TOP", b"UIDL", b"RESP-CODES", b"AUTH-RESP-CODE"]
        if self._wire.secure:
            words += [b"USER", b"SASL PLAIN"]
        else:
            words.append(b"STLS")
        await self._many(words)

    async def _stls(self, command: Pop3Command) -> None:
        del command
        if self._wire.secure:
            await self._no("TLS is on already.")
            return
        await self._wire.send(ok("Begin TLS negotiation."))
        await self._wire.start_tls(self._tls)

    async def _user(self, command: Pop3Command) -> None:
        self._name = " ".join(command.arguments)
        await self._wire.send(ok())

    async def _pass(self, command: Pop3Command) -> None:
        """A password may hold spaces (RFC 1939 section 7)."""
        if not self._name:
            await self._no("A name first.")
            return
        await self._come_in(self._name, " ".join(command.arguments))

    async def _auth(self, command: Pop3Command) -> None:
        mechanism, *initial = command.arguments or ("",)
        if mechanism.upper() != "PLAIN" or len(initial) > 1:
            await self._no("PLAIN is offered.")
            return
        response = initial[0].encode() if initial else b""
        if not response:
            await self._wire.send(b"+ \r\n")
            response = await self._wire.line(self._wire.limits.before_login_s)
        try:
            name, password = sasl.parse_plain(sasl.decode(response))
        except (RemoteProtocolError, ValueError):
            await self._no("Protocol error.")
            return
        await self._come_in(name, password)

    async def _come_in(self, name: str, password: str) -> None:
        if not self._wire.secure:
            await self._no("TLS first.")
            return
        live = self._door.come_in(name, password, self._ended)
        if isinstance(live, Denied):
            code = "SYS/TEMP" if live.denial is Denial.THROTTLED else ""
            text = "Too many connections." if code else _REFUSED
            self._bad += 1
            await self._wire.send(err(text, code))
            if self._bad > _MAX_BAD:
                raise Gone
            return
        self._live = live
        box = live.access.mailbox
        self._seen = uids.folder_of(box, _INBOX).listed(box.messages.get(_INBOX, []))
        await self._wire.send(ok("User successfully logged on."))

    def _ended(self, reason: str) -> None:
        """The model ended the session; POP3 has no word for it unasked."""
        del reason
        self._leaving = True
        self._wire.end()

    # --- the inbox ---
    async def _noop(self, command: Pop3Command) -> None:
        del command
        await self._wire.send(ok())

    async def _rset(self, command: Pop3Command) -> None:
        del command
        self._deleted.clear()
        await self._wire.send(ok())

    def _left(self) -> list[tuple[int, int, Message]]:
        """Number, uid, message."""
        numbered = ((n, uid, m) for n, (uid, m) in enumerate(self._seen, 1))
        return [one for one in numbered if one[0] not in self._deleted]

    async def _stat(self, command: Pop3Command) -> None:
        del command
        sizes = [len(rendering.octets(message)) for _, _, message in self._left()]
        await self._wire.send(ok(f"{len(sizes)} {sum(sizes)}"))

    async def _list(self, command: Pop3Command) -> None:
        await self._tell(command, lambda _, message: str(len(rendering.octets(message))))

    async def _uidl(self, command: Pop3Command) -> None:
        await self._tell(command, lambda uid, message: f"{uid}-{message.id[:32]}")

    async def _tell(self, command: Pop3Command, what: Callable[[int, Message], str]) -> None:
        if command.arguments:
            chosen = await self._chosen(command.arguments[0])
            if chosen is not None:
                number, uid, message = chosen
                await self._wire.send(ok(f"{number} {what(uid, message)}"))
            return
        lines = (f"{number} {what(uid, message)}" for number, uid, message in self._left())
        await self._many([line.encode() for line in lines])

    async def _chosen(self, text: str) -> tuple[int, int, Message] | None:
        """The message of this number; None where a refusal was said instead."""
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        found = next((one for one in self._left() if one[0] == number), None)
        if found is None:
            await self._no("The specified message does not exist.")
        return found

    async def _retr(self, command: Pop3Command) -> None:
        await self._give(command, None)

    async def _top(self, command: Pop3Command) -> None:
        *_, lines = command.arguments or ("",)
        if len(command.arguments) != 2 or not (lines.isascii() and lines.isdigit()):
            await self._no("Protocol error.")
            return
        await self._give(command, int(lines[:9]))

    async def _give(self, command: Pop3Command, lines: int | None) -> None:
        """A message, or its head and so many lines of its text (RFC 1939 section 7)."""
        chosen = await self._chosen(command.arguments[0] if command.arguments else "")
        if chosen is None:
            return
        content = rendering.octets(chosen[2])
        head, _, text = content.partition(b"\r\n\r\n")
        body = text.removesuffix(b"\r\n").split(b"\r\n")
        await self._many([*head.split(b"\r\n"), b"", *(body if lines is None else body[:lines])])

    async def _dele(self, command: Pop3Command) -> None:
        chosen = await self._chosen(command.arguments[0] if command.arguments else "")
        if chosen is not None:
            self._deleted.add(chosen[0])
            await self._wire.send(ok())

    async def _quit(self, command: Pop3Command) -> None:
        """Only now is deleted what was marked (RFC 1939 section 6)."""
        del command
        self._leaving = True
        if self._live is not None and self._deleted:
            gone = {self._seen[number - 1][1].id for number in self._deleted}
            uids.remove(self._live.access.mailbox, _INBOX, gone)
        await self._wire.send(ok("Microsoft Exchange POP3 server signing off."))

    async def _many(self, lines: list[bytes]) -> None:
        """A reply of many lines, dots doubled (RFC 1939 section 3)."""
        stuffed = b"".join(
            (b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines
        )
        await self._wire.send(ok() + stuffed + b".\r\n")


def _command(line: bytes) -> Pop3Command:
    """Raises `RemoteProtocolError`."""
    return parse_command(line.rstrip(b" "))
