# SPDX-License-Identifier: Apache-2.0
"""Whose names somebody bore who left a short time ago: an order may mean the one of before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from evict.core.revocation import Entry, Kind
from evict.ledger.service import Ledger


class ReusedNames:
    """The login forms of whoever is revoked, in step with the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bearer: dict[str, tuple[str, datetime]] = {}
        self._forms: dict[str, tuple[str, ...]] = {}
        self._reaches: datetime | None = None

    async def reach(self, since: datetime) -> None:
        """Know everybody who is revoked since then; at once where that is known already.

        A reload, or a clock that is set, may ask for more than was read at the start.
        """
        if self._reaches is None:
            self._ledger.subscribe(self._take)
        elif since >= self._reaches:
            return
        self._reaches = since
        young = {s.seq for s in self._ledger.standings.values() if s.revoked and s.since >= since}
        if young:
            found = await self._ledger.entries_since(min(young) - 1)
            self._take([entry for entry in found if self._decides(entry)])

    def _decides(self, entry: Entry) -> bool:
        """Not overtaken meanwhile by one that came while this was read."""
        standing = self._ledger.standing(entry.body.account)
        return standing is not None and standing.seq == entry.body.seq

    def bearer(
        self, account: str, forms: Sequence[str], *, days: int, now: datetime
    ) -> datetime | None:
        """Since when somebody else is revoked who bears one of its names; None: nobody is.

        Args:
            days: how far back it matters; 0: not at all.
        """
        if not days:
            return None
        earliest = now - timedelta(days=days)
        for form in forms:
            found = self._bearer.get(form)
            if found is not None and found[0] != account and found[1] > earliest:
                return found[1]
        return None

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            body = entry.body
            if body.kind is Kind.ADOPTION:
                continue
            for form in self._forms.pop(body.account, ()):
                if self._bearer.get(form, ("",))[0] == body.account:
                    del self._bearer[form]
            if body.kind is Kind.REVOCATION and entry.personal is not None:
                self._forms[body.account] = entry.personal.forms
                for form in entry.personal.forms:
                    self._bearer[form] = (body.account, body.at)
