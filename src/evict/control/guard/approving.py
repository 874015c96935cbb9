# SPDX-License-Identifier: Apache-2.0
"""What people do with what is held: look at it, approve it, dismiss it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from evict.control import api
from evict.control.audit.record import Record, Result
from evict.control.guard.gate import Gate
from evict.control.guard.held import Approval, Held, HeldKind, HeldState, view, with_approval
from evict.control.orders.closing import Closer
from evict.control.parts import Parts
from evict.core.access import Asker
from evict.core.allowance import Moment, still_good
from evict.core.errors import NotAllowed, UsageError


class Approving:
    """Nothing is approved or dismissed that the audit log does not hold before."""

    def __init__(self, parts: Parts, gate: Gate, closer: Closer) -> None:
        self._parts = parts
        self._ledger = parts.ledger
        self._gate = gate
        self._closer = closer

    async def answer(
        self, call: api.HeldCall | api.Approve | api.Dismiss, asker: Asker
    ) -> dict[str, Any]:
        await self._gate.waiting.drop_erased(self._is_back)
        match call:
            case api.HeldCall():
                return self.look()
            case api.Approve():
                return await self.approve(call, asker)
            case api.Dismiss():
                return await self.dismiss(call, asker)

    def _is_back(self, account: str) -> bool:
        """It was revoked once and is not now: such names can be erased from the ledger."""
        standing = self._ledger.standing(account)
        return standing is not None and not standing.revoked

    def look(self) -> dict[str, Any]:
        """Everything held, the oldest first."""
        now = self._gate.now()
        return {"held": [self._row(held, now) for held in self._gate.waiting.all]}

    def _row(self, held: Held, now: Moment) -> dict[str, Any]:
        needed = self._gate.limits.approvers
        state = held.state
        if held.permitted is not None and not self._good(held.permitted, now):
            state = HeldState.WAITING
        good = tuple(a for a in held.approvals if self._good(a.at, now))
        return view(structs.replace(held, approvals=good, state=state), needed=needed)

    def _good(self, moment: Moment, now: Moment) -> bool:
        return still_good(moment, now, minutes=self._gate.limits.approval_minutes)

    async def approve(self, call: api.Approve, asker: Asker) -> dict[str, Any]:
        """Say yes to things that are held; what has enough of it is carried out at once.

        Raises:
            NotAllowed: a machine approves nothing.
            UsageError: nothing of that name is held.
            AuditNotWritten: it could not be noted: nothing was approved.
            LedgerFull: it was noted, and not carried out: approve it again.
        """
        chosen = self._chosen(call.ids, call.source, asker)
        await self._note("approve", chosen, asker, "")
        now = self._gate.now()
        yes = Approval(person=asker.person, name=asker.name, at=now)
        things = [self._with(held, yes) for held in self._still(chosen)]
        complete = [h for h in things if len(h.approvals) >= self._gate.limits.approvers]
        names = {held.id for held in complete}
        waits = [held for held in things if held.id not in names]
        permitted = [
            structs.replace(held, state=HeldState.PERMITTED, permitted=now)
            for held in complete
            if not held.closes
        ]
        # First: somebody else's approval at this moment must find this one.
        await self._gate.waiting.put([*waits, *permitted])
        closed, refused = await self._close([held for held in complete if held.closes])
        return {
            "closed": [_named(held) for held in closed],
            "permitted": [_named(held) for held in permitted],
            "waiting": [self._row(held, now) for held in waits],
            "refused": [{**_named(held), "text": text} for held, text in refused],
            "approval_minutes": self._gate.limits.approval_minutes,
        }

    def _with(self, held: Held, yes: Approval) -> Held:
        return with_approval(held, yes, minutes=self._gate.limits.approval_minutes)

    async def _close(self, things: Sequence[Held]) -> tuple[list[Held], list[tuple[Held, str]]]:
        """All in one transaction. One that is closed already is merely held no longer."""
        by_two = self._gate.limits.approvers > 1
        refused: list[tuple[Held, str]] = []
        closed: list[Held] = []
        to_close: list[Held] = []
        for held in things:
            text = self._gate.refusal(held.account, held.forms, by_two=by_two)
            if text or (held.kind is HeldKind.PROTECTED and not by_two):
                refused.append((held, text or "it is protected, which takes two approvers"))
                continue
            closed.append(held)
            standing = self._ledger.standing(held.account.id)
            if standing is None or not standing.revoked:
                to_close.append(held)
        by = {held.id: " and ".join(a.name for a in held.approvals) for held in to_close}
        await self._closer.approved(to_close, by)
        await self._gate.waiting.remove(closed)
        await self._closed(to_close, by)
        return closed, refused

    async def _closed(self, things: Sequence[Held], by: Mapping[str, str]) -> None:
        """Beside the approval: whose closings they were, and why."""
        groups: dict[tuple[str, str, str, str], list[str]] = {}
        for held in things:
            key = (held.source, held.where, held.reason, by[held.id])
            groups.setdefault(key, []).append(held.account.id)
        for (source, where, reason, names), accounts in groups.items():
            await self._gate.noted(
                Record(
                    who=source,
                    what="revoke",
                    result=Result.DONE,
                    on=tuple(accounts),
                    why=reason,
                    where=where,
                    detail=f"approved by {names}",
                )
            )

    async def dismiss(self, call: api.Dismiss, asker: Asker) -> dict[str, Any]:
        """Say no: nothing is done, and it is held no longer. Raises as `approve`.

        By the name of a source: what another source asked for too is held still, as the other's.
        """
        if not call.reason.strip():
            raise UsageError("say why it is dismissed: --reason")
        chosen = self._chosen(call.ids, call.source, asker)
        await self._note("dismiss", chosen, asker, call.reason)
        gone = self._still(chosen)
        kept: set[str] = set()
        if call.source:
            kept = {held.id for held in await self._gate.dismissed(gone, call.source)}
        else:
            await self._gate.waiting.remove(gone)
        return {
            "dismissed": [_named(held) for held in gone if held.id not in kept],
            "held_still": [_named(held) for held in gone if held.id in kept],
        }

    def _chosen(self, ids: Sequence[str], source: str, asker: Asker) -> list[Held]:
        if not asker.person:
            raise NotAllowed(f"{asker.name} is no person: only people approve or dismiss")
        if bool(ids) == bool(source):
            raise UsageError("name ids as `evict held` shows them, or one source")
        if source:
            found = [
                held
                for held in self._gate.waiting.all
                if source in (held.source, *held.also) and held.kind is HeldKind.CLOSURE
            ]
            if not found:
                raise UsageError(
                    f"nothing that {source} asked for is held by the allowance; what is held for"
                    " another reason is named by its id"
                )
            return found
        return [self._one(name) for name in dict.fromkeys(ids)]

    def _one(self, name: str) -> Held:
        held = self._gate.waiting.find(name.strip().lower())
        if held is None:
            raise UsageError(f"nothing with the id {name!a} is held: see `evict held`")
        return held

    def _still(self, chosen: Sequence[Held]) -> list[Held]:
        """As it is by now: meanwhile another one may have approved or dismissed it."""
        found = (self._gate.waiting.find(held.id) for held in chosen)
        return [held for held in found if held is not None]

    async def _note(self, what: str, chosen: Sequence[Held], asker: Asker, why: str) -> None:
        """Raises `AuditNotWritten`."""
        groups: dict[tuple[str, HeldKind], list[str]] = {}
        for held in chosen:
            groups.setdefault((held.source, held.kind), []).append(held.account.id)
        for (source, kind), accounts in groups.items():
            await self._parts.note(
                Record(
                    who=asker.name,
                    what=what,
                    result=Result.DONE,
                    on=tuple(accounts),
                    why=why,
                    where=asker.where,
                    detail=f"{kind}, held since {source} asked for it",
                )
            )


def _named(held: Held) -> dict[str, Any]:
    return {"id": held.id, "account": held.account.id, "label": held.account.upn}
