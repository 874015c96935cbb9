# SPDX-License-Identifier: Apache-2.0
"""IMAP4rev1 on the organisation's mailboxes: the connection, its login, and its commands' order.

Spec: RFC 3501; RFC 2177 (IDLE), RFC 4959 (SASL-IR), RFC 7888 (LITERAL+).
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final

from evict.core.errors import RemoteProtocolError
from evict.lab.mail.imap_commands import Commands, Refused
from evict.lab.mail.imap_syntax import BadCommand, Command, announced, astring, parse
from evict.lab.mail.logins import Door, Live
from evict.lab.mail.service import LineServer
from evict.lab.mail.wire import Gone, MailLimits, TooLong, Wire
from evict.lab.model.organisation import Organisation
from evict.lab.model.words import Denial, Denied, Protocol
from evict.wire import sasl

_CAPABILITIES: Final = "IMAP4rev1 ID IDLE NAMESPACE LITERAL+ UNSELECT UIDPLUS CHILDREN SASL-IR"
_SMALL_LITERAL: Final = 16 * 1024
_MAX_BAD: Final = 20
_BYE: Final = b"* BYE Connection is closed.\r\n"
"""Said before the model's end of a session is carried out, and at time-outs (words assumed)."""
_TOO_MANY: Final = b"* BYE Too many connections.\r\n"
_FAILED: Final = "failed."
"""Said of a wrong password, and of a door that is shut for another reason alike (assumed)."""


class ImapServer(LineServer):
    """IMAP of one client access server. See `service.LineServer`."""

    def __init__(
        self, organisation: Organisation, server_name: str, *, limits: MailLimits | None = None
    ) -> None:
        super().__init__(Door(organisation, server_name, Protocol.IMAP), limits)

    async def serve(self, wire: Wire, tls: ssl.SSLContext) -> None:
        await ImapConnection(self.door, wire, tls).talk()


class ImapConnection:
    """One client."""

    def __init__(self, door: Door, wire: Wire, tls: ssl.SSLContext) -> None:
        self._door = door
        self._wire = wire
        self._tls = tls
        self._live: Live | None = None
        self._commands: Commands | None = None
        self._leaving = False
        self._bad = 0
        self._any_time: dict[str, Callable[[Command], Coroutine[Any, Any, None]]] = {
            "CAPABILITY": self._capability,
            "NOOP": self._noop,
            "LOGOUT": self._logout,
            "ID": self._id,
        }
        self._before: dict[str, Callable[[Command], Coroutine[Any, Any, None]]] = {
            "LOGIN": self._login,
            "AUTHENTICATE": self._authenticate,
            "STARTTLS": self._starttls,
        }

    async def talk(self) -> None:
        await self._wire.send(b"* OK The Microsoft Exchange IMAP4 service is ready.\r\n")
        try:
            while not self._leaving:
                await self._turn()
        except TimeoutError:
            self._wire.end(_BYE)
        except TooLong:
            self._wire.end(b"* BYE A command that is too long.\r\n")
        finally:
            if self._commands is not None:
                self._commands.close()
            self._door.leave(self._live)

    async def _turn(self) -> None:
        try:
            command = parse(await self._read())
            if not self._still():
                return
            await self._run(command)
        except BadCommand as error:
            self._bad += 1
            if self._bad > _MAX_BAD:
                raise Gone from error
            await self._say(error.tag, "BAD", f"Command Argument Error: {error.text}.")

    async def _read(self) -> list[bytes]:
        """The lines and literals of one command."""
        wait_s = None if self._live else self._wire.limits.before_login_s
        parts = [await self._wire.line(wait_s)]
        room = self._wire.limits.max_literal if self._live else _SMALL_LITERAL
        while (wanted := announced(parts[-1])) is not None:
            size, waits = wanted
            room -= size
            if room < 0 or len(parts) > 200:
                raise TooLong
            if waits:
                await self._wire.send(b"+ Ready for additional command text.\r\n")
            parts += [await self._wire.exactly(size), await self._wire.line(wait_s)]
        return parts

    def _still(self) -> bool:
        """Whether the model lets the live session go on; it says goodbye where not."""
        if self._live is None or self._door.use(self._live) is None:
            return True
        self._wire.end(_BYE)
        self._leaving = True
        return False

    async def _run(self, command: Command) -> None:
        handler = self._any_time.get(command.name)
        if handler is None and self._live is None:
            handler = self._before.get(command.name)
        if handler is not None and not command.uid:
            await handler(command)
        elif self._commands is None:
            raise BadCommand("not before a login", command.tag)
        elif command.name == "IDLE":
            await self._idle(command)
        else:
            await self._do(self._commands, command)

    async def _do(self, commands: Commands, command: Command) -> None:
        try:
            for data in commands.run(command):
                await self._wire.send(data)
        except Refused as refused:
            await self._say(command.tag, "NO", refused.text)
            return
        except BadCommand as error:
            raise BadCommand(error.text, command.tag) from error
        numbers_stay = command.name in ("FETCH", "STORE", "SEARCH") and not command.uid
        for line in commands.news(expunges=not numbers_stay):
            self._wire.write(line)
        uid = "UID " if command.uid else ""
        await self._say(command.tag, "OK", f"{commands.code}{uid}{command.name} completed.")

    # --- at any time ---
    async def _capability(self, command: Command) -> None:
        words = f"* CAPABILITY {_CAPABILITIES}"
        if self._live is None:
            words += " AUTH=PLAIN" if self._wire.secure else " STARTTLS LOGINDISABLED"
        await self._wire.send(f"{words}\r\n".encode())
        await self._say(command.tag, "OK", "CAPABILITY completed.")

    async def _noop(self, command: Command) -> None:
        if self._commands is not None:
            for line in self._commands.news(expunges=True):
                self._wire.write(line)
        await self._say(command.tag, "OK", "NOOP completed.")

    async def _id(self, command: Command) -> None:
        await self._wire.send(b"* ID NIL\r\n")
        await self._say(command.tag, "OK", "ID completed.")

    async def _logout(self, command: Command) -> None:
        self._leaving = True
        await self._wire.send(b"* BYE Microsoft Exchange IMAP4 server signing off.\r\n")
        await self._say(command.tag, "OK", "LOGOUT completed.")

    # --- before the login ---
    async def _starttls(self, command: Command) -> None:
        if self._wire.secure:
            raise BadCommand("TLS is on already", command.tag)
        await self._say(command.tag, "OK", "Begin TLS negotiation now.")
        await self._wire.start_tls(self._tls)

    async def _login(self, command: Command) -> None:
        if len(command.arguments) != 2:
            raise BadCommand("a name and a password", command.tag)
        try:
            name, password = (astring(argument) for argument in command.arguments)
        except BadCommand as error:
            raise BadCommand(error.text, command.tag) from error
        await self._come_in(command, name, password)

    async def _authenticate(self, command: Command) -> None:
        arguments = [a for a in command.arguments if isinstance(a, str)]
        if not arguments or arguments[0].upper() != "PLAIN" or len(arguments) > 2:
            raise BadCommand("PLAIN is offered", command.tag)
        response = "" if len(arguments) == 1 else arguments[1]
        if not response:
            await self._wire.send(b"+ \r\n")
            line = await self._wire.line(self._wire.limits.before_login_s)
            response = line.decode("ascii", "replace")
        try:
            name, password = sasl.parse_plain(sasl.decode(response.encode()))
        except (RemoteProtocolError, ValueError) as error:
            raise BadCommand("no PLAIN response", command.tag) from error
        await self._come_in(command, name, password)

    async def _come_in(self, command: Command, name: str, password: str) -> None:
        if not self._wire.secure:
            await self._say(command.tag, "NO", "TLS first.")
            return
        live = self._door.come_in(name, password, self._ended)
        if isinstance(live, Denied):
            await self._refuse(command, live)
            return
        self._live = live
        self._commands = Commands(live.access.mailbox, self._door.organisation.now)
        await self._say(command.tag, "OK", f"{command.name} completed.")

    async def _refuse(self, command: Command, denied: Denied) -> None:
        self._bad += 1
        if denied.denial is Denial.THROTTLED or self._bad > _MAX_BAD:
            self._wire.end(_TOO_MANY)
            self._leaving = True
            return
        await self._say(command.tag, "NO", f"{command.name} {_FAILED}")

    def _ended(self, reason: str) -> None:
        """The model ended the session."""
        del reason
        self._leaving = True
        self._wire.end(_BYE)

    # --- waiting for news ---
    async def _idle(self, command: Command) -> None:
        """Until the client says DONE; a change of the mailbox wakes it."""
        if self._commands is None:
            return
        await self._wire.send(b"+ idling\r\n")
        box = self._commands.box
        box.watchers.add(self._wire.poke)
        try:
            while True:
                for line in self._commands.news(expunges=True):
                    await self._wire.send(line)
                done = await self._wire.line_or_poke(None)
                if done is not None:
                    break
        finally:
            with contextlib.suppress(KeyError):
                box.watchers.remove(self._wire.poke)
        if not self._still():
            return
        if done.upper() != b"DONE":
            raise BadCommand("DONE ends it", command.tag)
        await self._say(command.tag, "OK", "IDLE completed.")

    async def _say(self, tag: str, status: str, text: str) -> None:
        await self._wire.send(f"{tag} {status} {text}\r\n".encode("utf-8", "replace"))
