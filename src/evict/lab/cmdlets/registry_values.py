# SPDX-License-Identifier: Apache-2.0
"""A server's own shell: UserTokenTTL in the registry.

Source: KB 267568 (the key, DWORD, seconds, 0 to 0x7FFFFFFF; 15 minutes where it is not set; counts
for tokens made after IIS started again). KB 152526 for 0 is of IIS 5; what 0 does now is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.lab.cmdlets.acting import proceed
from evict.lab.cmdlets.binding import no_path, not_convertible
from evict.lab.cmdlets.parameters import of_kind
from evict.lab.cmdlets.roles import SERVER
from evict.lab.cmdlets.shape import Call, Cmdlet, Parameter
from evict.lab.cmdlets.state import state_of
from evict.lab.cmdlets.words import CmdletError, Output, PsObject

KEY: Final = "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\InetInfo\\Parameters"
VALUE: Final = "UserTokenTTL"
_TYPES: Final = ("System.Management.Automation.PSCustomObject", "System.Object")
_LARGEST: Final = 0x7FFFFFFF
_SPELLINGS: Final = ("registry::hkey_local_machine\\", "hkey_local_machine\\", "hklm:\\", "hklm:")


def _key(call: Call) -> None:
    """Raises `CmdletError` for any other key: this registry holds no more."""
    path = call.text("Path")
    low = path.lower().rstrip("\\").replace("microsoft.powershell.core\\", "")
    rest = next((low[len(s) :] for s in _SPELLINGS if low.startswith(s)), low)
    if rest.lstrip("\\") != KEY.lower()[len("hklm:\\") :]:
        raise no_path(call.cmdlet, path)


def _no_value(call: Call, name: str) -> CmdletError:
    return CmdletError(
        f"Property {name} does not exist at path"
        " HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\InetInfo\\Parameters.",
        "PSArgumentException",
        category="InvalidArgument",
        error_id=f"System.Management.Automation.PSArgumentException,{call.cmdlet.name}",
        target=name,
    )


def _written(call: Call) -> float | None:
    """The value, where it was set."""
    ttl = call.organisation.server(call.server).token_ttl_s
    default = call.organisation.delays.user_token_ttl_s.value
    return ttl if call.server in state_of(call.organisation).ttl_written or ttl != default else None


def get_item(call: Call) -> Iterator[Output]:
    _key(call)
    name = call.text("Name")
    written = _written(call)
    if name and (name.lower() != VALUE.lower() or written is None):
        raise _no_value(call, name)
    properties: dict[str, object] = {} if written is None else {VALUE: int(written)}
    path = f"Microsoft.PowerShell.Core\\Registry::HKEY_LOCAL_MACHINE{KEY[5:]}"
    yield PsObject(_TYPES, "", properties | {"PSPath": path, "PSChildName": "Parameters"})


def set_item(call: Call) -> Iterator[Output]:
    """Other names are taken and do nothing, as IIS reads none of them."""
    _key(call)
    value = call.text("Value")
    if not value.isdigit() or int(value) > _LARGEST:
        raise not_convertible(call.cmdlet, "Value", value, "System.Int32")
    if not (yield from proceed(call, f'Setting "{call.text("Name")}" on {KEY}')):
        return
    if call.text("Name") == VALUE:
        call.organisation.set_token_ttl(call.server, int(value))
        state_of(call.organisation).ttl_written.add(call.server)


def remove_item(call: Call) -> Iterator[Output]:
    _key(call)
    name = call.text("Name")
    if name.lower() != VALUE.lower() or _written(call) is None:
        raise _no_value(call, name)
    if not (yield from proceed(call, f'Removing "{name}" from {KEY}')):
        return
    default = call.organisation.delays.user_token_ttl_s.value
    call.organisation.set_token_ttl(call.server, default)
    state_of(call.organisation).ttl_written.discard(call.server)


_PATH: Final = Parameter(name="Path", required=True, position=0)
_NAME: Final = Parameter(name="Name", required=True, position=1)
_SET: Final = (
    _PATH,
    _NAME,
    Parameter(name="Value", kind="object", required=True, position=2),
    *of_kind("string", "Type", "PropertyType"),
    *of_kind("switch", "Force"),
)

CMDLETS: Final = (
    Cmdlet(
        name="Get-ItemProperty",
        run=get_item,
        roles=SERVER,
        parameters=(_PATH, Parameter(name="Name", position=1)),
    ),
    Cmdlet(name="Set-ItemProperty", run=set_item, roles=SERVER, parameters=_SET),
    Cmdlet(name="New-ItemProperty", run=set_item, roles=SERVER, parameters=_SET),
    Cmdlet(
        name="Remove-ItemProperty",
        run=remove_item,
        roles=SERVER,
        parameters=(_PATH, _NAME, *of_kind("switch", "Force")),
    ),
)
