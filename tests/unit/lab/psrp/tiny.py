# SPDX-License-Identifier: Apache-2.0
"""A registry of a few cmdlets, a site with it, and unmodified pypsrp as the client."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from evict.lab.certificates import Authority
from evict.lab.cmdlets.shape import Argument, Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import (
    CmdletError,
    ErrorOut,
    HostText,
    Output,
    Progress,
    PsObject,
    Text,
    Warning_,
)
from evict.lab.http.auth import Negotiator
from evict.lab.http.server import HttpServer
from evict.lab.psrp.site import PowerShellSite

T = TypeVar("T")
PASSWORD = "Pa55word!:x"
TYPES = ("Microsoft.Exchange.Data.Directory.Management.CASMailbox", "System.Object")
GUID = uuid.UUID("7f4b2c1e-7e83-4f0e-8d7c-0f1f0a0b0c0d")


def mailbox(name: str, **more: object) -> PsObject:
    identity = PsObject(
        ("Microsoft.Exchange.Data.Directory.ADObjectId", "System.Object"),
        f"corp.example/Users/{name}",
        {"Name": name},
    )
    return PsObject(TYPES, name, {"Name": name, "Guid": GUID, "Identity": identity, **more})


def not_found(name: object) -> CmdletError:
    return CmdletError(f"'{name}' couldn't be found.", "ManagementObjectNotFoundException")


def _nothing(call: Call) -> Iterator[Output]:
    raise AssertionError(call)


def _cmdlet(name: str, *parameters: str) -> Cmdlet:
    return Cmdlet(name=name, run=_nothing, parameters=tuple(Parameter(name=p) for p in parameters))


class Tiny:
    """Enough of a registry for a shell; binding is by name or the first place."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, object]]] = []
        self.stopped = asyncio.Event()
        self.cmdlets = {
            c.name.lower(): c
            for c in (
                _cmdlet("Get-CASMailbox", "Identity", "ResultSize"),
                _cmdlet("Set-CASMailbox", "Identity", "OWAEnabled", "Ids", "Secret"),
                _cmdlet("Start-Slow"),
                _cmdlet("Remove-Everything"),
                _cmdlet("Get-Broken"),
                _cmdlet("Use-Input", "Identity"),
            )
        }

    def admits(self, caller: str) -> bool:
        return caller != "nobody"

    def lookup(self, name: str) -> Cmdlet | None:
        return self.cmdlets.get(name.lower())

    def commands(self, caller: str) -> list[str]:
        return sorted(c.name for c in self.cmdlets.values()) if caller else []

    def parameters(self, cmdlet: Cmdlet, caller: str) -> list[Parameter]:
        return list(cmdlet.parameters) if caller else []

    def invoke(
        self,
        name: str,
        arguments: Sequence[Argument] = (),
        *,
        caller: str,
        pipeline_input: Sequence[object] | None = None,
    ) -> Iterator[Output] | AsyncIterator[Output]:
        del caller
        cmdlet = self.lookup(name)
        if cmdlet is None:
            raise CmdletError(
                f"The term '{name}' is not recognized.",
                "CommandNotFoundException",
                category="ObjectNotFound",
                terminating=True,
            )
        bound: dict[str, object] = {}
        for key, value in arguments:
            if key is not None and key not in {p.name for p in cmdlet.parameters}:
                raise CmdletError(
                    f"No parameter matches '{key}'.",
                    "ParameterBindingException",
                    category="InvalidArgument",
                    error_id=f"NamedParameterNotFound,{cmdlet.name}",
                    terminating=True,
                )
            bound[key or "Identity"] = value
        self.seen.append((cmdlet.name, bound))
        if cmdlet.name == "Start-Slow":
            return self._slow()
        return self._run(cmdlet.name, bound, pipeline_input)

    async def _slow(self) -> AsyncIterator[Output]:
        try:
            for step in range(10_000):
                yield Progress("Start-Slow", f"step {step}", step % 100)
                await asyncio.sleep(0.02)
        finally:
            self.stopped.set()

    def _run(
        self, name: str, bound: dict[str, object], items: Sequence[object] | None
    ) -> Iterator[Output]:
        identity = bound.get("Identity")
        if name == "Get-Broken":
            raise RuntimeError("a bug")
        if name == "Remove-Everything":
            raise CmdletError("No.", "TaskInvalidOperationException", terminating=True)
        if name == "Use-Input":
            for item in items or ():
                yield Text(item.to_string if isinstance(item, PsObject) else f"text {item}")
        elif name == "Set-CASMailbox":
            yield Warning_("nothing was modified")
            yield HostText("What if: nothing")
        elif "ResultSize" in bound:
            for number in range(int(str(bound["ResultSize"]))):
                yield mailbox(f"user{number}", Notes="x" * 200, Number=number)
        elif identity == "nobody":
            yield ErrorOut(not_found(identity))
        else:
            yield Progress("Get-CASMailbox", "reading", 50)
            yield mailbox(str(identity or "alice"), OWAEnabled=True, Ids=["a", "b"], Nothing=None)


@dataclass
class Estate:
    """A site that listens, and what a client needs to find it."""

    address: str
    registry: Tiny
    site: PowerShellSite
    server: HttpServer
    ca: Path
    http: int
    https: int
    passwords: dict[str, list[str]]
    disabled: set[str] = field(default_factory=set)

    def client(self, *, ssl: bool = True, auth: str = "basic", **more: Any) -> WSMan:
        settings: dict[str, Any] = {
            "username": "CORP\\alice",
            "password": PASSWORD,
            "encryption": "auto",
            "path": "PowerShell",
            "cert_validation": str(self.ca) if ssl else False,
        } | more
        port = self.https if ssl else self.http
        return WSMan(self.address, port=port, ssl=ssl, auth=auth, **settings)


def sam(name: str) -> str:
    return name.lower().rpartition("\\")[2].partition("@")[0]


async def start(folder: Path, **settings: Any) -> Estate:
    address = ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])
    registry = Tiny()
    passwords = {"alice": [PASSWORD], "nobody": [PASSWORD]}
    disabled: set[str] = set()

    def authorise(name: str, password: str) -> str | None:
        return sam(name) if password in passwords.get(sam(name), [])[:1] else None

    def admit(name: str, password: str | None) -> str | None:
        return sam(name) if password is not None and sam(name) not in disabled else None

    negotiator: Negotiator[str] = Negotiator(lambda name: passwords.get(sam(name), []), admit)
    site = PowerShellSite(lambda _: registry, authorise, negotiator, **settings)
    server = HttpServer()
    server.route(site.path, site)
    authority = Authority()
    authority.write_ca(folder / "ca.pem")
    http = await server.start(address, 0)
    https = await server.start(address, 0, authority.server_context(address))
    return Estate(
        address, registry, site, server, folder / "ca.pem", http, https, passwords, disabled
    )


@contextmanager
def pool(wsman: WSMan, configuration: str = "Microsoft.Exchange") -> Iterator[RunspacePool]:
    with wsman, RunspacePool(wsman, configuration_name=configuration) as opened:
        yield opened


def invoke(opened: RunspacePool, name: str, **parameters: object) -> tuple[list[Any], PowerShell]:
    with PowerShell(opened) as shell:
        shell.add_cmdlet(name).add_parameters(parameters)
        return list(shell.invoke()), shell


def script(opened: RunspacePool, text: str) -> tuple[list[Any], PowerShell]:
    with PowerShell(opened) as shell:
        shell.add_script(text)
        return list(shell.invoke()), shell


async def told(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)
