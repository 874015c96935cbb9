# SPDX-License-Identifier: Apache-2.0
"""What of a mailbox's ways in is switched on, as the directory holds it (Set-CASMailbox)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from evict.lab.model.words import ModelError, Protocol

FEATURE_OF: Final = {
    Protocol.OWA: "owa",
    Protocol.ACTIVESYNC: "activesync",
    Protocol.EWS: "ews",
    Protocol.MAPI: "mapi",
    Protocol.IMAP: "imap",
    Protocol.POP3: "pop3",
}
"""SMTP submission has no flag of a mailbox: SmtpClientAuthenticationDisabled is Exchange Online's
alone (Set-CASMailbox)."""


@dataclass
class Features:
    """None in one of the later ones: as the organisation has it.

    Attributes:
        set_at: when one of them was changed last; servers notice later.
    """

    owa: bool = True
    ecp: bool = True
    activesync: bool = True
    ews: bool = True
    mapi: bool = True
    imap: bool = True
    pop3: bool = True
    owa_for_devices: bool = True
    mapi_http: bool | None = None
    mapi_block_outlook_rpc_http: bool = False
    ews_allow_outlook: bool | None = None
    ews_allow_mac_outlook: bool | None = None
    ews_allow_entourage: bool | None = None
    set_at: float = 0.0

    def __getitem__(self, name: str) -> bool | None:
        if name not in FEATURES:
            raise KeyError(name)
        value: bool | None = getattr(self, name)
        return value

    def flags(self) -> dict[str, bool | None]:
        """All of them by name, to be kept and given back to `change` as it is."""
        return {name: self[name] for name in FEATURES}

    def change(self, flags: Mapping[str, bool | None], now: float) -> bool:
        """Whether anything changed. Raises `ModelError` for a name or a value that none has."""
        for name, on in flags.items():
            if name not in FEATURES:
                raise ModelError("unsupported", f"there is no feature {name!r}")
            if on is None and name not in NULLABLE:
                raise ModelError("invalid", f"the feature {name!r} is on or off")
        changed = [name for name, on in flags.items() if self[name] is not on]
        for name in changed:
            setattr(self, name, flags[name])
        if changed:
            self.set_at = now
        return bool(changed)


FEATURES: Final = tuple(f.name for f in fields(Features) if f.name != "set_at")
NULLABLE: Final = tuple(f.name for f in fields(Features) if f.default is None)
