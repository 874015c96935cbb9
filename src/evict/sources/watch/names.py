# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from msgspec import structs

from evict.core.presence import Presence


class LivingNames:
    """What every account was called when it was last seen, for the day it is only a tombstone.

    A deleted object loses most of what it had (MS-ADTS 3.1.1.5.5.1.1: userPrincipalName, mail and
    proxyAddresses are not kept), and the cached sessions of its names live on. In memory only; a
    comparison at each start fills it.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def saw(self, presence: Presence) -> Presence:
        """Remember a living account's names; give a deleted one those it had."""
        account = presence.account
        if not presence.deleted:
            self._names[account.id] = "\n".join((account.sam, account.upn, *account.addresses))
            return presence
        known = self._names.get(account.id)
        if known is None:
            return presence
        sam, upn, *addresses = known.split("\n")
        whole = structs.replace(
            account, sam=account.sam or sam, upn=upn, addresses=tuple(addresses)
        )
        return structs.replace(presence, account=whole)
