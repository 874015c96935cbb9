# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

from evict.core.revocation import Entry, Kind
from evict.ledger.service import Ledger


class RefusedForms:
    """Whose login forms stand refused, in step with the ledger: asked for each change seen."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._forms: dict[str, frozenset[str]] = {}

    async def load(self) -> None:
        """Read what stands, and follow what comes; to be called once."""
        self._ledger.subscribe(self._take)
        self._take(await self._ledger.entries_since(0))

    def of(self, account: str) -> frozenset[str] | None:
        """None: the account is not revoked."""
        return self._forms.get(account)

    def _take(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            account = entry.body.account
            if entry.body.kind is Kind.REVOCATION and entry.personal is not None:
                self._forms[account] = frozenset(entry.personal.forms)
            elif entry.body.kind is not Kind.ADOPTION:
                self._forms.pop(account, None)
