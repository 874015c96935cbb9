# SPDX-License-Identifier: Apache-2.0
"""Everything that is held, in memory and on its shelf."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import structs

from evict.control.guard.held import Held, HeldKind, account_of, new_id, without_source
from evict.core.errors import LedgerFull
from evict.ledger.service import Ledger


class Waiting:
    """At most one closing and one reinstatement of an account."""

    def __init__(self, ledger: Ledger) -> None:
        self._shelf = ledger.shelf("held", Held, account_of=account_of)
        self._held: dict[str, Held] = {}
        self._of: dict[tuple[str, bool], str] = {}
        self._number = 0
        self._given: set[str] = set()
        self._counts: Counter[tuple[str, HeldKind]] = Counter()

    async def load(self) -> None:
        """Raises `LedgerDamaged`."""
        for held in (await self._shelf.all()).values():
            self._take(held)
        self._number = max((h.number for h in self._held.values()), default=0)

    @property
    def all(self) -> tuple[Held, ...]:
        """The oldest first."""
        return tuple(sorted(self._held.values(), key=lambda held: held.number))

    def find(self, name: str) -> Held | None:
        return self._held.get(name)

    def of(self, account: str, *, closes: bool) -> Held | None:
        name = self._of.get((account, closes))
        return None if name is None else self._held[name]

    def numbered(self, held: Held) -> Held:
        """With an id and a number of its own; kept only by `put`."""
        self._number += 1
        name = new_id()
        while name in self._given:
            name = new_id()
        self._given.add(name)
        return structs.replace(held, id=name, number=self._number)

    async def put(self, things: Iterable[Held]) -> None:
        """Keep new ones, or others in the place of those of the same id.

        In memory at once, so that no other order sees it otherwise. Raises `LedgerFull`.
        """
        by_id = {held.id: held for held in things}
        before = [self._held[name] for name in by_id if name in self._held]
        for held in by_id.values():
            self._take(held)
        try:
            if by_id:
                await self._shelf.change(by_id)
        except LedgerFull:
            for held in by_id.values():
                self._drop(held.id)
            for held in before:
                self._take(held)
            raise

    async def enrich(self, things: Iterable[Held]) -> None:
        """As `put`, but of their forms only, and without those that went meanwhile."""
        await self.put(
            structs.replace(now, forms=held.forms)
            for held in things
            if (now := self._held.get(held.id)) is not None
        )

    async def asked_too(self, things: Iterable[Held], source: str) -> None:
        """Another source asks for what is held. Raises `LedgerFull`."""
        await self.put(
            structs.replace(now, also=(*now.also, source))
            for held in things
            if (now := self._held.get(held.id)) is not None
            and source not in (now.source, *now.also)
        )

    async def no_longer_asked(self, things: Iterable[Held], source: str) -> list[Held]:
        """A source asks for them no longer; those that wait still, as others'. Raises as `put`."""
        after = [(held, without_source(held, source)) for held in things]
        kept = [held for _, held in after if held is not None]
        await self.put(kept)
        await self.remove([held for held, left in after if left is None])
        return kept

    async def remove(self, things: Iterable[Held]) -> None:
        """In memory at once, so that nothing is used twice. Raises `LedgerFull`."""
        gone = [held for thing in things if (held := self._drop(thing.id)) is not None]
        try:
            if gone:
                await self._shelf.change(remove=[held.id for held in gone])
        except LedgerFull:
            for held in gone:
                self._take(held)
            raise

    async def drop_erased(self, may_be: Callable[[str], bool]) -> None:
        """Leave out what went from the shelf when the names of its account were erased.

        Args:
            may_be: whether the names of an account can have been.
        """
        for held in [held for held in self._held.values() if may_be(held.account.id)]:
            if await self._shelf.get(held.id) is None:
                self._drop(held.id)

    def remember(self, things: Iterable[Held]) -> None:
        """In memory only, until `put`: other orders see them from now on."""
        for held in things:
            self._take(held)

    def forget(self, things: Iterable[Held]) -> None:
        """They came to nothing, and were never kept."""
        for held in things:
            self._drop(held.id)

    def count(self, source: str, kind: HeldKind) -> int:
        """How many there are of one kind from one source."""
        return self._counts[source, kind]

    def _drop(self, name: str) -> Held | None:
        held = self._held.pop(name, None)
        if held is not None:
            self._counts[held.source, held.kind] -= 1
        if held is not None and self._of.get((held.account.id, held.closes)) == name:
            del self._of[held.account.id, held.closes]
        return held

    def _take(self, held: Held) -> None:
        self._given.add(held.id)
        before = self._held.get(held.id)
        if before is not None:
            self._counts[before.source, before.kind] -= 1
        self._counts[held.source, held.kind] += 1
        self._held[held.id] = held
        self._of[held.account.id, held.closes] = held.id
