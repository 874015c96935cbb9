# SPDX-License-Identifier: Apache-2.0
"""The operations on shells: Create, Command, Send, Receive, Signal, Delete and the rest.

Spec: MS-WSMV section 3.1.4 (message processing); MS-PSRP (what of it a shell needs).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import Callable
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from evict.lab.psrp import soap
from evict.lab.psrp.commands import Commands
from evict.lab.psrp.runspace import BadFragment
from evict.lab.psrp.shell import Shell
from evict.lab.psrp.soap import NS, Envelope, q

SHELL: Final = NS["rsp"]
TRANSFER: Final = NS["x"]
_TERMINATE: Final = f"{SHELL}/signal/terminate"
_STATE: Final = f"{SHELL}/CommandState/"
_CREATION: Final = "{http://schemas.microsoft.com/powershell}creationXml"
_MAX_PIPELINES: Final = 100
"""Of one shell (assumed)."""


class Operations:
    """The shells of one configuration on one server.

    Args:
        resource: URI of the configuration.
        commands_for: caller -> the cmdlets; decided when the shell is opened.
        address: that clients are told the shell has.
        max_shells: of one caller.
        idle_timeout_s: after which a shell that nobody asks for is closed.
    """

    def __init__(  # noqa: PLR0913 - each a setting of WinRM's
        self,
        resource: str,
        commands_for: Callable[[str], Commands],
        *,
        server_name: str,
        address: str,
        max_shells: int,
        idle_timeout_s: float,
    ) -> None:
        self._resource = resource
        self._commands_for = commands_for
        self._server_name = server_name
        self._address = address
        self._max_shells = max_shells
        self._idle_timeout_s = idle_timeout_s
        self.shells: dict[str, Shell] = {}

    async def answer(
        self, envelope: Envelope, caller: str, gone: asyncio.Event
    ) -> tuple[str, Element | None]:
        """Carry it out; gives the answer's action and body.

        Args:
            gone: set when the client does not wait any more.

        Raises:
            Fault: it cannot be done.
        """
        await self._expire()
        action = envelope.action
        if action == f"{TRANSFER}/Create":
            return f"{action}Response", await self._create(envelope, caller)
        shell = self.shells.get(envelope.shell_id)
        if shell is None or shell.closed:
            raise soap.no_shell()
        if shell.owner != caller:
            raise soap.denied()
        shell.used = _now()
        try:
            body = await self._on_shell(envelope, shell, gone)
        except (BadFragment, binascii.Error) as wrong:
            await self._drop(shell)
            raise soap.schema(str(wrong)) from None
        return f"{action}Response", body

    async def close(self) -> None:
        """Close all shells."""
        for shell in list(self.shells.values()):
            await self._drop(shell)

    async def _drop(self, shell: Shell) -> None:
        self.shells.pop(shell.id, None)
        await shell.close()

    async def _expire(self) -> None:
        before = _now() - self._idle_timeout_s
        for shell in [s for s in self.shells.values() if s.used < before and not s.waiting]:
            await self._drop(shell)

    async def _on_shell(
        self, envelope: Envelope, shell: Shell, gone: asyncio.Event
    ) -> Element | None:
        body: Element | None = None
        match envelope.action.removeprefix(f"{SHELL}/").removeprefix(f"{TRANSFER}/"):
            case "Command":
                body = self._command(envelope.body, shell)
            case "Send":
                body = self._send(envelope.body, shell)
            case "Receive":
                body = await self._receive(envelope, shell, gone)
            case "Signal":
                body = await self._signal(envelope.body, shell)
            case "Delete":
                await self._drop(shell)
            case "Get":
                body = self._describe(shell)
            case "Disconnect" | "Reconnect" as operation:
                shell.disconnected = operation == "Disconnect"
                body = Element(q(f"rsp:{operation}Response"))
            case _:
                raise soap.not_supported(envelope.action)
        return body

    async def _create(self, envelope: Envelope, caller: str) -> Element:
        if envelope.resource.lower() != self._resource.lower():
            raise soap.no_configuration(envelope.resource, self._server_name)
        commands = self._commands_for(caller)
        if not commands.admits(caller):
            raise soap.denied()
        if sum(shell.owner == caller for shell in self.shells.values()) >= self._max_shells:
            raise soap.too_many_shells(self._max_shells)
        node = envelope.body.find(q("rsp:Shell"))
        creation = None if node is None else node.find(_CREATION)
        if node is None or creation is None:
            raise soap.schema("creationXml")
        shell_id = str(_uuid(node.get("ShellId")) or uuid.uuid4()).upper()
        if shell_id in self.shells:
            raise soap.schema("ShellId is in use")
        shell = Shell(shell_id, caller, commands, self._server_name, envelope.max_size)
        shell.used = _now()
        self.shells[shell_id] = shell
        try:
            shell.feed(_decode(creation.text))
        except (BadFragment, binascii.Error) as wrong:
            await self._drop(shell)
            raise soap.schema(str(wrong)) from None
        return self._created(shell)

    def _created(self, shell: Shell) -> Element:
        created = Element(q("x:ResourceCreated"))
        SubElement(created, q("a:Address")).text = self._address
        reference = SubElement(created, q("a:ReferenceParameters"))
        SubElement(reference, q("w:ResourceURI")).text = self._resource
        selectors = SubElement(reference, q("w:SelectorSet"))
        SubElement(selectors, q("w:Selector"), {"Name": "ShellId"}).text = shell.id
        return created

    def _describe(self, shell: Shell) -> Element:
        body = Element(q("rsp:Shell"))
        for name, value in (
            ("ShellId", shell.id),
            ("ResourceUri", self._resource),
            ("Owner", shell.owner),
            ("IdleTimeOut", f"PT{self._idle_timeout_s:.3f}S"),
            ("InputStreams", "stdin pr"),
            ("OutputStreams", "stdout"),
            ("State", "Disconnected" if shell.disconnected else "Connected"),
        ):
            SubElement(body, q(f"rsp:{name}")).text = value
        return body

    def _command(self, body: Element, shell: Shell) -> Element:
        line = body.find(q("rsp:CommandLine"))
        if line is None:
            raise soap.schema("CommandLine")
        command = _uuid(line.get("CommandId")) or uuid.uuid4()
        if shell.has(command) or shell.pipelines >= _MAX_PIPELINES:
            raise soap.schema("CommandId")
        data = _decode(line.findtext(q("rsp:Arguments")))
        shell.open_pipeline(command)
        shell.feed(data)
        answer = Element(q("rsp:CommandResponse"))
        SubElement(answer, q("rsp:CommandId")).text = str(command).upper()
        return answer

    def _send(self, body: Element, shell: Shell) -> Element:
        for stream in body.iter(q("rsp:Stream")):
            command = _uuid(stream.get("CommandId"))
            if command is not None and not shell.has(command):
                raise soap.no_shell()
            shell.feed(_decode(stream.text))
        return Element(q("rsp:SendResponse"))

    async def _receive(self, envelope: Envelope, shell: Shell, gone: asyncio.Event) -> Element:
        """With nothing to say it ends in a fault at OperationTimeout, and clients ask again."""
        wanted = envelope.body.find(f"{q('rsp:Receive')}/{q('rsp:DesiredStream')}")
        if wanted is None:
            raise soap.schema("DesiredStream")
        command = _uuid(wanted.get("CommandId"))
        data, done = await shell.read(command, envelope.timeout_s, gone)
        if shell.closed:
            raise soap.no_shell()
        if not data and not done:
            raise soap.timed_out()
        answer = Element(q("rsp:ReceiveResponse"))
        about = {"CommandId": str(command).upper()} if command else {}
        for piece in data:
            stream = SubElement(answer, q("rsp:Stream"), {"Name": "stdout", **about})
            stream.text = base64.b64encode(piece).decode("ascii")
        if command:
            state = {"State": _STATE + ("Done" if done else "Running")}
            SubElement(answer, q("rsp:CommandState"), {**about, **state})
        return answer

    async def _signal(self, body: Element, shell: Shell) -> Element:
        signal = body.find(q("rsp:Signal"))
        command = None if signal is None else _uuid(signal.get("CommandId"))
        if signal is None or command is None:
            raise soap.schema("Signal")
        code = (signal.findtext(q("rsp:Code")) or "").strip()
        if code.lower() == _TERMINATE:
            await shell.release(command)
        else:
            await shell.stop(command)
        return Element(q("rsp:SignalResponse"))


def _decode(text: str | None) -> bytes:
    return base64.b64decode("".join((text or "").split()), validate=True)


def _uuid(text: str | None) -> uuid.UUID | None:
    if text is None:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise soap.schema("an id") from None


def _now() -> float:
    return asyncio.get_running_loop().time()
