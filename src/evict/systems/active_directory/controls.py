# SPDX-License-Identifier: Apache-2.0
"""Controls that only Active Directory and Samba AD know."""

from __future__ import annotations

from typing import Final

from anyldap.protocols import pureber

from evict.systems.ldap.messages import Control

SD_FLAGS: Final = b"1.2.840.113556.1.4.801"
"""Which parts of a security descriptor are wanted (MS-ADTS 3.1.1.3.4.1.11)."""
SHOW_DELETED: Final[Control] = (b"1.2.840.113556.1.4.417", 1, b"")
"""MS-ADTS 3.1.1.3.4.1.14."""


def dacl_only() -> Control:
    """Ask for the DACL alone: the SACL would need a privilege."""
    return (SD_FLAGS, 1, pureber.BERSequence([pureber.BERInteger(4)]).toWire())
