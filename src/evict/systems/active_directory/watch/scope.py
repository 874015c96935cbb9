# SPDX-License-Identifier: Apache-2.0
"""Which accounts are watched: those below the base, and those in the leavers' units. Pure."""

from __future__ import annotations

import hashlib

from evict.config.watch import WatchSection
from evict.core.dn import dn_key, is_below


class Scope:
    """Whoever was moved from the base into a leavers' unit elsewhere must still be seen."""

    def __init__(self, base_dn: str, rules: WatchSection) -> None:
        units = tuple(dict.fromkeys((base_dn, *rules.leavers_units)))
        self._keys = tuple(dn_key(dn) for dn in units)
        self.bases = tuple(
            dn
            for dn, key in zip(units, self._keys, strict=True)
            if not any(_lies_in(key, other) for other in self._keys if other != key)
        )
        """Not one of them lies in another: read one after the other they give nobody twice."""
        self.groups = tuple(dict.fromkeys(rules.leavers_groups))
        words = "\n".join([*sorted(self._keys), "", *sorted(dn_key(dn) for dn in self.groups)])
        self.mark = hashlib.sha256(words.encode()).hexdigest()[:16]

    def holds(self, dn: str) -> bool:
        key = dn_key(dn)
        return any(_lies_in(key, top) for top in self._keys)

    def fits(self, naming_context: str) -> bool:
        """Whether all of it lies in this domain."""
        top = dn_key(naming_context)
        return all(_lies_in(key, top) for key in (*self._keys, *map(dn_key, self.groups)))


def _lies_in(key: str, top: str) -> bool:
    return key == top or is_below(key, top)
