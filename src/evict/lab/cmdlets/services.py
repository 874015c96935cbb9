# SPDX-License-Identifier: Apache-2.0
"""A server's own shell: Get-Service, Restart-Service. A restart cuts live mail connections."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets.acting import proceed
from evict.lab.cmdlets.binding import strings
from evict.lab.cmdlets.parameters import of_kind
from evict.lab.cmdlets.roles import SERVER
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.words import CmdletError, ErrorOut, Output, PsObject
from evict.lab.model.profile import Version

_TYPES: Final = (
    "System.ServiceProcess.ServiceController",
    "System.ComponentModel.Component",
    "System.Object",
)
_ALWAYS: Final = {
    "MSExchangeImap4": "Microsoft Exchange IMAP4",
    "MSExchangePop3": "Microsoft Exchange POP3",
    "MSExchangeTransport": "Microsoft Exchange Transport",
}
_UNTIL_2010: Final = {"MSExchangeRPC": "Microsoft Exchange RPC Client Access"}
_SINCE_2013: Final = {
    "MSExchangeIMAP4BE": "Microsoft Exchange IMAP4 Backend",
    "MSExchangePOP3BE": "Microsoft Exchange POP3 Backend",
    "MSExchangeFrontEndTransport": "Microsoft Exchange Frontend Transport",
}


def _services(call: Call) -> dict[str, str]:
    new = call.organisation.profile.version.order >= Version.V2013.order
    return _ALWAYS | (_SINCE_2013 if new else _UNTIL_2010)


def _named(call: Call) -> Iterator[str | ErrorOut]:
    """Those of -Name, which may be patterns; an error for each that is none."""
    known = _services(call)
    for pattern in strings(call.bound.get("Name", ["*"])):
        hits = [n for n in known if fnmatch.fnmatchcase(n.lower(), pattern.lower())]
        if not hits and "*" not in pattern:
            yield ErrorOut(
                CmdletError(
                    f"Cannot find any service with service name '{pattern}'.",
                    "ServiceCommandException",
                    category="ObjectNotFound",
                    error_id=f"NoServiceFoundForGivenName,{call.cmdlet.name}",
                    target=pattern,
                )
            )
        yield from hits


def _show(call: Call, name: str) -> PsObject:
    properties: dict[str, object] = {
        "Name": name,
        "ServiceName": name,
        "DisplayName": _services(call)[name],
        "Status": "Running",
        "StartType": "Automatic",
    }
    return PsObject(_TYPES, name, properties)


def get_service(call: Call) -> Iterator[Output]:
    for name in _named(call):
        yield name if isinstance(name, ErrorOut) else _show(call, name)


def restart_service(call: Call) -> Iterator[Output]:
    for name in _named(call):
        if isinstance(name, ErrorOut):
            yield name
        elif (yield from proceed(call, f'Restarting the service "{name}"')):
            call.organisation.restart_service(call.server, name)
            if call.flag("PassThru"):
                yield _show(call, name)


CMDLETS: Final = (
    Cmdlet(
        name="Get-Service",
        run=get_service,
        roles=SERVER,
        parameters=(Parameter(name="Name", kind="list", position=0, by_name=True),),
    ),
    Cmdlet(
        name="Restart-Service",
        run=restart_service,
        roles=SERVER,
        parameters=(
            Parameter(name="Name", kind="list", required=True, position=0, by_name=True),
            *of_kind("switch", "Force", "PassThru"),
        ),
    ),
)
