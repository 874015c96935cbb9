# SPDX-License-Identifier: Apache-2.0
"""A server's own shell: application pools, and the program iisreset.

Sources: WebAdministration's reference for the pools; iisreset's own help for its options, which has
no /force: to force is what it does unless told /noforce; both are taken here. That /noforce gives
up where a request does not end in time is reported, its words are our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets.acting import proceed
from evict.lab.cmdlets.binding import no_path, strings
from evict.lab.cmdlets.roles import SERVER
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import Output, PsObject, Text
from evict.lab.model.profile import Version
from evict.lab.model.words import ModelError, Pool

_STATE: Final = ("Microsoft.IIs.PowerShell.Framework.CodeProperty", "System.Object")
_OLD_POOLS: Final = ("MSExchangePowerShellAppPool",)
_NEW_POOLS: Final = (
    "MSExchangeRpcProxyAppPool",
    "MSExchangeMapiMailboxAppPool",
    "MSExchangeMapiAddressBookAppPool",
    "MSExchangePowerShellAppPool",
)
"""Pools in which the model keeps nothing; recycling one cuts nobody off."""
_FRONT_ENDS: Final = (Pool.MAPI, Pool.RPC, Pool.POWERSHELL)
"""2013 and later have a front end and a back end of each of these, with a pool of its own."""
_OPTIONS: Final = ("restart", "noforce", "force", "status", "start", "stop", "timeout")
_SERVICES: Final = (
    "Windows Process Activation Service ( WAS )",
    "World Wide Web Publishing Service ( W3SVC )",
)


def pools(call: Call) -> dict[str, Pool | None]:
    """Every pool by name; None: one that the model has no state for."""
    new = call.organisation.profile.version.order >= Version.V2013.order
    own: dict[str, Pool | None] = {p.value: p for p in Pool if new or p not in _FRONT_ENDS}
    return own | dict.fromkeys(_NEW_POOLS if new else _OLD_POOLS)


def _pool(call: Call) -> tuple[str, Pool | None]:
    wanted = call.text("Name")
    for name, pool in pools(call).items():
        if name.lower() == wanted.lower():
            return name, pool
    raise no_path(call.cmdlet, f"IIS:\\AppPools\\{wanted}", wanted)


def restart_pool(call: Call) -> Iterator[Output]:
    name, pool = _pool(call)
    if (yield from proceed(call, f'Restarting the application pool "{name}"')) and pool:
        call.organisation.recycle(call.server, pool)


def pool_state(call: Call) -> Iterator[Output]:
    names = [_pool(call)[0]] if "Name" in call.bound else list(pools(call))
    for name in names:
        yield PsObject(_STATE, "Started", {"Value": "Started", "ItemXPath": name})


def iisreset(call: Call) -> Iterator[Output]:
    """A program, not a cmdlet: it says what it did, and no more; its failures are text too."""
    options = [o.lower().lstrip("/-") for o in strings(call.bound.get("Arguments", []))]
    for option in options:
        if option.partition(":")[0] not in _OPTIONS:
            yield Text(f"Syntax error: {option} is no option of IISRESET.EXE (c) Microsoft Corp.")
            return
    if "status" in options:
        for service in _SERVICES:
            yield Text(f"Status for {service} : Running")
        return
    yield Text("Attempting stop...")
    try:
        call.organisation.iisreset(call.server, force="noforce" not in options)
    except ModelError as refusal:
        if refusal.kind != "busy":
            raise
        yield Text("Restart attempt failed.")
        yield Text(
            "The service did not respond to the start or control request in a timely fashion."
            " (2147943453, 8007041d)"
        )
        return
    yield Text("Internet services successfully stopped")
    yield Text("Attempting start...")
    yield Text("Internet services successfully restarted")


_ARGUMENTS: Final = tuple(
    Parameter(name=f"Argument{number}", position=number) for number in range(4)
)


def _collected(call: Call) -> Iterator[Output]:
    """A program takes any number of words; they come in by place."""
    words = [call.text(p.name) for p in _ARGUMENTS if p.name in call.bound]
    call.bound = {"Arguments": words}
    yield from iisreset(call)


_NAME: Final = Parameter(name="Name", required=True, position=0, pipeline=True, by_name=True)

CMDLETS: Final = (
    Cmdlet(name="Restart-WebAppPool", run=restart_pool, roles=SERVER, parameters=(_NAME,)),
    Cmdlet(
        name="Get-WebAppPoolState",
        run=pool_state,
        roles=SERVER,
        parameters=(Parameter(name="Name", position=0, pipeline=True, by_name=True),),
    ),
    *(
        Cmdlet(name=name, run=_collected, roles=SERVER, parameters=_ARGUMENTS)
        for name in ("iisreset", "iisreset.exe")
    ),
)
