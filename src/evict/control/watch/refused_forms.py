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
        """Read what stands, and follow what comes; to be called once.

        What comes while that is read is taken after it: somebody reinstated then, taken for
        revoked, would be closed by no later leaving.
        """
        late: list[Entry] = []
        stop = self._ledger.subscribe(late.extend)
        try:
            known = await self._ledger.entries_since(0)
        finally:
            stop()
        self._ledger.subscribe(self._take)
        read = known[-1].body.seq if known else 0
        self._take([*known, *(entry for entry in late if entry.body.seq > read)])

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
