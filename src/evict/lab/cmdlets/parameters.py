# SPDX-License-Identifier: Apache-2.0
"""Parameters that many cmdlets have."""

from __future__ import annotations

from typing import Final

from evict.lab.cmdlets.shape import Kind, Parameter

DOMAIN_CONTROLLER: Final = Parameter(name="DomainController")
RESULT_SIZE: Final = Parameter(name="ResultSize", kind="object")
IDENTITY: Final = Parameter(name="Identity", required=True, position=0, pipeline=True, by_name=True)
ANY_IDENTITY: Final = Parameter(name="Identity", position=0, pipeline=True, by_name=True)
MAILBOX: Final = Parameter(name="Mailbox")


def exchange(*own: Parameter) -> tuple[Parameter, ...]:
    """A cmdlet's own, and what every cmdlet of Exchange has."""
    return (*own, DOMAIN_CONTROLLER)


def of_kind(kind: Kind, *names: str, nullable: bool = False) -> tuple[Parameter, ...]:
    """Several alike."""
    return tuple(Parameter(name=name, kind=kind, nullable=nullable) for name in names)
