# SPDX-License-Identifier: Apache-2.0
"""Role groups, and which of them hold what. Source: Microsoft, Built-in role groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation

ORGANISATION: Final = "Organization Management"
RECIPIENT: Final = "Recipient Management"
VIEW_ONLY: Final = "View-Only Organization Management"

READ: Final = frozenset({ORGANISATION, RECIPIENT, VIEW_ONLY})
WRITE: Final = frozenset({ORGANISATION, RECIPIENT})
OWN: Final = frozenset({ORGANISATION})
"""Held by the organisation's administrators alone: the role Active Directory Permissions, ..."""
OWN_READ: Final = frozenset({ORGANISATION, VIEW_ONLY})
SERVER: Final = frozenset({ORGANISATION, "Domain Admins", "Administrators"})
"""Who administers a server itself: set-up puts Organization Management there (assumed)."""


def groups_of(organisation: Organisation, sam: str) -> frozenset[str]:
    """The groups of an account, by name also where the directory has distinguished names."""
    account = organisation.directory.find(sam)
    if account is None or not account.enabled:
        return frozenset()
    return frozenset(_name(group) for group in account.groups)


def _name(group: str) -> str:
    first = group.partition(",")[0]
    return first[3:] if first.upper().startswith("CN=") else group
