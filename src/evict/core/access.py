# SPDX-License-Identifier: Apache-2.0
"""Who asks something of Evict, and what somebody may ask."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct


class Role(StrEnum):
    """What somebody may do; one may have several, and an administrator has them all."""

    VIEWER = "viewer"
    """Look: doors, plan, status, exposure, doctor, what is held, what is scheduled."""
    OPERATOR = "operator"
    """Close: revoke, now or at an instant, and change or cancel what was scheduled."""
    APPROVER = "approver"
    """Approve or dismiss what is held, and reinstate."""
    AUDITOR = "auditor"
    """Read the audit log and the ledger."""
    ADMINISTRATOR = "administrator"
    """Everything, tokens and the ledger's upkeep included."""


class Scope(StrEnum):
    """What a token may be used for: a role each, and never an administrator's."""

    CLOSE = "close"
    READ = "read"
    REOPEN = "reopen"

    @property
    def role(self) -> Role:
        return _ROLES[self]


_ROLES: Final = {
    Scope.CLOSE: Role.OPERATOR,
    Scope.READ: Role.VIEWER,
    Scope.REOPEN: Role.APPROVER,
}


class Asker(Struct, frozen=True, kw_only=True):
    """Whoever asks, as the operating system or a token says.

    Attributes:
        name: `uid:1000(alice)`, `token:personnel`, `directory:corp`, `schedule`, `command line`.
        person: what counts as one human being where two are needed: `uid:1000`, the owner of a
            token; "" for a machine, which can approve nothing.
        roles: empty for a source that only Evict's own parts speak for.
        where: from where it came: `unix socket`, `192.0.2.7`.
    """

    name: str
    person: str = ""
    roles: frozenset[Role] = frozenset()
    where: str = ""

    def has(self, *roles: Role) -> bool:
        """Whether it has one of these roles, or is an administrator."""
        return not self.roles.isdisjoint({*roles, Role.ADMINISTRATOR})


def administrator(name: str, *, person: str, where: str = "") -> Asker:
    """Somebody whom no role stops: root, or whoever may open the ledger's file."""
    return Asker(name=name, person=person, roles=frozenset({Role.ADMINISTRATOR}), where=where)
