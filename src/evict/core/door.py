# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Credential(StrEnum):
    """What lets somebody through a door, kept apart since each outlives the others."""

    PASSWORD = "password"  # noqa: S105 - the kind's name
    SESSION = "session"
    TICKET = "ticket"
    GRANT = "grant"
    MAIL = "mail"
    COPY = "copy"


class Door(Struct, frozen=True, order=True):
    """One way into, or out of, one mailbox: system x protocol x credential kind.

    Attributes:
        system: the system's name in the configuration ("dovecot", "postfix", "directory").
        protocol: "imap", "pop3", "managesieve", "submission", "ldap", "kerberos", "sieve",
            "queue", "device".
        credential: what is carried through it.
    """

    system: str
    protocol: str
    credential: Credential

    @property
    def name(self) -> str:
        """`system/protocol/credential`, as printed and as stored."""
        return f"{self.system}/{self.protocol}/{self.credential}"


class Nature(StrEnum):
    """What can be known of a door at all."""

    PROVABLE = "provable"
    """Somebody can look, or try."""
    UNPROVABLE = "unprovable"
    """Nothing can prove it by its nature (a copy on a device): printed, changes no exit code."""
    OUTSIDE = "outside"
    """Not a way into the mailbox (an LDAP connection bound before): printed, changes nothing."""

    @property
    def provable(self) -> bool:
        return self is Nature.PROVABLE
