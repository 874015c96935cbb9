# SPDX-License-Identifier: Apache-2.0
"""The two shells of an organisation, and the names that a wire needs to speak of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evict.lab.cmdlets.shape import Argument, Call, Caller, Cmdlet, Parameter
from evict.lab.cmdlets.shell import Registry
from evict.lab.cmdlets.shells import exchange, server_shell
from evict.lab.cmdlets.words import (
    CmdletError,
    ErrorOut,
    HostText,
    Output,
    Progress,
    PsObject,
    Text,
    Verbose,
    Warning_,
)

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

__all__ = [
    "Argument",
    "Call",
    "Caller",
    "Cmdlet",
    "CmdletError",
    "ErrorOut",
    "HostText",
    "Output",
    "Parameter",
    "Progress",
    "PsObject",
    "Registry",
    "Text",
    "Verbose",
    "Warning_",
    "exchange_registry",
    "server_registry",
]


def exchange_registry(organisation: Organisation, server: str = "") -> Registry:
    """The Exchange shell's; by default as the first server offers it."""
    return exchange(organisation, server or next(iter(organisation.servers)))


def server_registry(organisation: Organisation, server: str) -> Registry:
    """One server's own shell, for its administrators."""
    return server_shell(organisation, server)
