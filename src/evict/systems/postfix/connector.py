# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from evict.config.model import PostfixSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import Bug, SystemFault, Uncertain, Unreachable
from evict.core.exposure import Exposure, Finding
from evict.core.measure import BeforeImage, Effect, EffectKind, Measure
from evict.core.names import login_forms
from evict.core.sighting import Method, Outcome, Sighting
from evict.systems.base import Observation, Order, Passwords
from evict.systems.command import Tool
from evict.systems.postfix import settings
from evict.systems.postfix.doors import Doors, endpoint
from evict.systems.postfix.exposure import exposures
from evict.systems.postfix.findings import examine
from evict.systems.postfix.plan import plan
from evict.systems.postfix.queue import Mail, Queue, of_sender


class State(Struct, frozen=True, kw_only=True):
    """What the planner needs: the leaver's queued mail that is not on hold."""

    leaving: tuple[Mail, ...] = ()


class PostfixConnector:
    """Control-side adapter to one Postfix: its queue and its settings.

    Live connections are the hook's business: Postfix has no list of them and no way to end one.
    """

    product: Final = "postfix"

    def __init__(self, section: PostfixSection) -> None:
        folder = section.config_directory
        self._section = section
        self._doors = Doors(section)
        self._look = Tool(
            system=section.name,
            prefix=section.command_prefix,
            sudo_line=f"evict ALL=(root) NOPASSWD: /usr/sbin/postqueue -c {folder} -j,"
            f" /usr/sbin/postconf -c {folder} *",
        )
        self._move = Tool(
            system=section.name,
            prefix=section.hold_prefix,
            sudo_line=f"evict ALL=(root) NOPASSWD: /usr/sbin/postsuper -c {folder} -h -,"
            f" /usr/sbin/postsuper -c {folder} -H -",
        )
        self._queue = Queue(self._look, self._move, folder)

    @property
    def name(self) -> str:
        return self._section.name

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (endpoint(self._section),)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def observe(self, account: Account, order: Order | None) -> Observation:
        """Look at the queue.

        A look that fails is a sighting of its own (nobody could look) and not a fault, so that
        every door is named.
        """
        forms = order.forms if order else login_forms(account)
        started = datetime.now(UTC)
        try:
            mine = of_sender(await self._queue.mails(), frozenset(forms))
        except SystemFault as fault:
            unreachable = isinstance(fault, Unreachable | Uncertain)
            outcome = Outcome.UNREACHABLE if unreachable else Outcome.UNCLEAR
            seen = self._sighting(outcome, started, fault.text)
            return self._observation(order, seen, fault.text, State())
        leaving = tuple(mail for mail in mine if not mail.held)
        text = f"queued mails of the leaver that wait to leave: {len(leaving)}"
        if held := len(mine) - len(leaving):
            text += f", on hold: {held}"
        outcome = Outcome.PRESENT if leaving else Outcome.EMPTY
        seen = self._sighting(outcome, started, text)
        return self._observation(order, seen, text, State(leaving=leaving))

    def _sighting(self, outcome: Outcome, started: datetime, detail: str) -> Sighting:
        return Sighting(
            door=self._doors.queue,
            method=Method.LIST,
            outcome=outcome,
            started_at=started,
            ended_at=datetime.now(UTC),
            where=self._section.host,
            detail=detail,
        )

    def _observation(
        self, order: Order | None, seen: Sighting, fact: str, state: State
    ) -> Observation:
        return Observation(
            system=self.name,
            expectations=self._doors.expectations(order),
            sightings=(seen,),
            facts=(fact,),
            state=state,
        )

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:  # noqa: ARG002 - the protocol's arguments
        leaving = seen.state.leaving if isinstance(seen.state, State) else ()
        return plan(self._section, self._doors, leaving, order)

    async def apply(
        self,
        account: Account,  # noqa: ARG002 - the image names the mails
        measure: Measure,
        order: Order,  # noqa: ARG002 - same
        passwords: Passwords,  # noqa: ARG002 - Postfix has no password of its own
    ) -> Effect:
        if measure.image is None:
            raise Bug(f"the measure {measure.id} is not one of Postfix's connector")
        wanted = measure.image.before.keys()
        there = {mail.queue_id: mail for mail in await self._queue.mails()}
        leaving = [i for i in wanted if i in there and not there[i].held]
        if not leaving:
            detail = "none of these mails waits to leave any more"
            return Effect(measure=measure.id, kind=EffectKind.UNCHANGED, detail=detail)
        count = await self._queue.hold(leaving)
        detail = f"mails held: {count} of {len(wanted)}"
        kind = EffectKind.DONE if count else EffectKind.UNCHANGED
        return Effect(measure=measure.id, kind=kind, detail=detail)

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:  # noqa: ARG002 - nothing here can be overwritten
        """Release exactly the mails that were held and are still; the others went their way."""
        held = {mail.queue_id for mail in await self._queue.mails() if mail.held}
        still = [queue_id for queue_id in image.before if queue_id in held]
        gone = len(image.before) - len(still)
        note = f"; not on hold any more: {gone}" if gone else ""
        if not still:
            return Effect(
                measure=image.measure, kind=EffectKind.UNCHANGED, detail=f"none released{note}"
            )
        count = await self._queue.release(still)
        return Effect(
            measure=image.measure, kind=EffectKind.DONE, detail=f"mails released: {count}{note}"
        )

    async def exposure(self) -> tuple[Exposure, ...]:
        read = await settings.read(self._look, self._section.config_directory)
        return exposures(self._section, self._doors, read)

    async def findings(self) -> tuple[Finding, ...]:
        """What `evict doctor` says: the tools first, then what the settings allow."""
        return await examine(self._section, self._queue, self._look)
