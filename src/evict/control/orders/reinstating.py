# SPDX-License-Identifier: Apache-2.0
"""The order to reinstate: put everything back behind closed hooks, then append the entry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from msgspec import structs

from evict.control import api, views
from evict.control.audit.record import Record, Result
from evict.control.guard.permits import Permit
from evict.control.orders.reinstatement import DEFAULT_TICKET_LIFE, Reinstatement, fresh_password
from evict.control.orders.revoking import Revoking
from evict.control.orders.telling import committed, held_back
from evict.control.parts import Parts
from evict.control.progress import Committed, Named, Note
from evict.core.access import Asker
from evict.core.account import Account
from evict.core.errors import Bug, EvictError, ExitCode, LedgerConflict, UsageError
from evict.core.measure import BeforeImage
from evict.core.revocation import Kind, Standing
from evict.ledger.order import How, Receipt

_AGENT_PATIENCE_S = 5.0

log = structlog.get_logger()


class Reinstating:
    """Carries orders to reinstate from the name to the open hooks."""

    def __init__(self, parts: Parts, revoking: Revoking) -> None:
        minutes = parts.config.directory.ticket_life_minutes
        self._tickets = any(d.gssapi for d in parts.config.dovecot)
        self._ticket_life = timedelta(minutes=minutes) if minutes else DEFAULT_TICKET_LIFE
        self._systems = parts.systems
        self._ledger = parts.ledger
        self._publisher = parts.publisher
        self._cases = parts.cases
        self._revoking = revoking
        self._gate = revoking.gate
        self._parts = parts
        self._working: set[asyncio.Task[None]] = set()
        self._orders = parts.orders

    async def reinstate(self, request: api.Reinstate, asker: Asker) -> AsyncIterator[api.Line]:
        """Events, the fresh password once, the end: 1 where something is not as it was before."""
        account = await self._systems.directory.resolve(request.name)
        standing = self._ledger.standings.get(account.id)
        if standing is None or not standing.revoked:
            raise UsageError(f"{account.upn} is not revoked: there is nothing to reinstate")
        if request.dry_run:
            images = await self._ledger.journal.images(account.id, standing.generation)
            now = await views.doors(self._systems, account)
            yield api.Answer(data=_dry_run(account, standing, images, now["facts"]))
            yield api.End(exit_code=ExitCode.OK)
            return
        permit = await self._gate.permits.permit(account, standing, asker)
        if permit.waits is not None:
            yield held_back([permit.waits], approvers=self._gate.limits.approvers)
            yield api.End(exit_code=ExitCode.GUARD_REFUSED)
            return
        news: asyncio.Queue[api.Line | EvictError | None] = asyncio.Queue()
        # In a task of its own: a client that goes away must not leave it half done.
        work = asyncio.create_task(
            self._carry_out(request, asker, account, standing, permit, news.put_nowait)
        )
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        while (line := await news.get()) is not None:
            if isinstance(line, EvictError):
                raise line
            yield line

    async def _carry_out(  # noqa: PLR0913, PLR0917 - who has what put back, and by which permit
        self,
        request: api.Reinstate,
        asker: Asker,
        account: Account,
        standing: Standing,
        permit: Permit,
        tell: Callable[[api.Line | EvictError | None], None],
    ) -> None:
        result = Result.FAILED
        try:
            # Before anything is opened: what cannot be noted is not done.
            await self._parts.note(
                _record("reinstate.begin", request, asker, standing, Result.DONE)
            )
            async with self._cases.held(account.id):
                async for line in self._put_back(request, asker.name, account, standing):
                    if isinstance(line, api.End) and line.exit_code is ExitCode.OK:
                        result = Result.DONE
                    tell(line)
            await self._gate.permits.reinstated(account.id)
            await self._gate.noted(_record("reinstate", request, asker, standing, result))
        except EvictError as error:
            await self._came_to_nothing(account, standing, permit)
            tell(error)
        except Exception as error:
            log.exception("reinstate.fault")
            await self._came_to_nothing(account, standing, permit)
            tell(Bug(f"a fault of Evict's own: {type(error).__name__}; see the log"))
        finally:
            tell(None)

    async def _came_to_nothing(self, account: Account, standing: Standing, permit: Permit) -> None:
        now = self._ledger.standing(account.id)
        if now is not None and now.revoked and now.generation == standing.generation:
            await self._gate.permits.give_back(permit)
        await self._close_again(account)

    async def _close_again(self, account: Account) -> None:
        """No entry was stored, so the account is revoked still: what was put back is undone."""
        for entry in await self._ledger.unfinished():
            if entry.body.account == account.id:
                with suppress(LedgerConflict):  # somebody else reinstates it by now
                    self._revoking.start(account, Receipt(how=How.STANDING, entry=entry))

    async def _put_back(
        self, request: api.Reinstate, actor: str, account: Account, standing: Standing
    ) -> AsyncIterator[api.Line]:
        yield Named(account=account.id, label=account.upn)
        # Until the entry stands, the account is revoked: after a crash it is closed again.
        await self._ledger.journal.opened(account.id, standing.generation)
        images = await self._ledger.journal.images(account.id, standing.generation)
        password = fresh_password()
        work = Reinstatement(self._systems, account, images, overwrite=request.overwrite)
        async for event in work.put_back(password):
            yield event
        dead_until = await self._tickets_dead_until(account, standing)
        yield await self._append(request, actor, account, standing, dead_until)
        for note in self._notes(account, dead_until):
            yield note
        yield api.Password(account=account.id, password=password.reveal())
        opened = await self._hooks_open(account)
        if opened is not None:
            yield opened
        good = work.complete and opened is None
        yield api.End(exit_code=ExitCode.OK if good else ExitCode.FAILED)

    async def _append(
        self,
        request: api.Reinstate,
        actor: str,
        account: Account,
        standing: Standing,
        tickets_dead_until: datetime,
    ) -> Committed:
        order = await self._orders.ledger_order(
            Kind.REINSTATEMENT,
            account,
            request=request.request,
            actor=actor,
            reason=request.reason,
        )
        receipt = await self._ledger.append(
            structs.replace(
                order,
                expected_generation=standing.generation,
                tickets_dead_until=tickets_dead_until,
            )
        )
        return committed(account, receipt)

    async def _tickets_dead_until(self, account: Account, standing: Standing) -> datetime:
        """The life of a ticket taken at the last moment: until the directory was first written.

        Where the journal does not say when that was, tickets may have been given out until now.
        """
        events = await self._ledger.journal.events(account.id, standing.generation)
        written = [
            event.at
            for event in events
            if event.at is not None
            and event.subject.startswith(f"{self._systems.directory.name}:")
            and event.kind in ("measure.done", "measure.unchanged")
        ]
        return min(written, default=datetime.now(UTC)) + self._ticket_life

    def _notes(self, account: Account, until: datetime) -> list[Note]:
        if not self._tickets:
            return []
        text = (
            f"Kerberos tickets are refused for this account until {until:%Y-%m-%d %H:%M} UTC,"
            " since one of before may live as long; the password works at once"
        )
        return [Note(account=account.id, text=text)]

    async def _hooks_open(self, account: Account) -> Note | None:
        """None once every agent has it; else a note that says who does not."""
        if not self._systems.hooked:
            return None
        seq = self._ledger.head.seq
        waited = 0.0
        while late := [a.name for a in self._publisher.agents() if a.acknowledged_seq < seq]:
            if waited >= _AGENT_PATIENCE_S:
                text = f"not yet acknowledged by {', '.join(late)}: there it stays refused"
                return Note(account=account.id, text=text)
            await asyncio.sleep(0.02)
            waited += 0.02
        return None


def _record(
    what: str, request: api.Reinstate, asker: Asker, standing: Standing, result: Result
) -> Record:
    return Record(
        who=asker.name,
        what=what,
        result=result,
        on=(standing.account,),
        why=request.reason,
        where=asker.where,
        case=standing.generation,
    )


def _dry_run(
    account: Account, standing: Standing, images: tuple[BeforeImage, ...], facts: list[str]
) -> dict[str, Any]:
    """What would be put back, and what stands there now: drift is seen before it is met."""
    return {
        "account": account.id,
        "label": account.upn,
        "generation": standing.generation,
        "would_put_back": [
            {"measure": i.measure, "system": i.system, "target": i.target, "keys": sorted(i.before)}
            for i in reversed(images)
        ],
        "seen_now": facts,
        "written": False,
    }
