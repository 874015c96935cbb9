# SPDX-License-Identifier: Apache-2.0
"""One look at all doors of one revoked account: observe, plan, apply, try, look again.

Level-triggered: it starts from what the systems show, not from what was done before, so it is the
same code after a crash, for a second run, and for an account revoked long ago. Every system runs
on its own; one that is down fails for itself and holds nobody up.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from evict.control.cases.case import Case
from evict.control.cases.logins import NegativeLogins
from evict.control.parts import Parts
from evict.core.endpoint import door_of
from evict.core.errors import AccessRefused, EvictError, SystemFault, Unsupported
from evict.core.measure import Actor, Effect, EffectKind, Measure, Stage
from evict.probes.registry import credential_of
from evict.systems.base import Connector, Observation

_PATIENCE_S = 10.0
_SETTLE_S = 1.0
_STRIKE_S = 0.25
_LOOKS_S = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5)


class CaseRunner:
    """Carries one case to rest, or to its deadline (`control.case_timeout_s`)."""

    def __init__(self, parts: Parts) -> None:
        self._systems = parts.systems
        self._journal = parts.ledger.journal
        self._publisher = parts.publisher
        self._logins = NegativeLogins(parts)
        self._timeout_s = parts.config.control.case_timeout_s

    async def run(self, case: Case) -> None:
        """Fill the case until every provable door is shut or the time is up.

        What our rights do not reach is not tried again and again: the order ends, and says so.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._timeout_s
        await self._let_the_agent_strike(case)
        while True:
            async with asyncio.TaskGroup() as group:
                for connector in self._systems.all:
                    group.create_task(self._system(case, connector, deadline))
            async with asyncio.TaskGroup() as group:
                for connector in self._systems.all:
                    group.create_task(self._look_again(case, connector))
            if case.at_rest() or clock() + _SETTLE_S >= deadline:
                return
            await asyncio.sleep(_SETTLE_S)
            self._publisher.cut_again(case.entry.body.seq)

    async def _let_the_agent_strike(self, case: Case) -> None:
        """Wait a moment for the first kick: looks of ours would take its servers' time from it.

        Measured on two CPUs: looks at once cost the leaver's sessions half as long again.
        """
        if self._systems.hooked:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STRIKE_S):
                    await case.struck.wait()

    async def _system(self, case: Case, connector: Connector, deadline: float) -> None:
        async with asyncio.TaskGroup() as group:
            measures = group.create_task(self._measures(case, connector, deadline))
            if connector.name in self._systems.hooked:
                await self._agent_refuses(case, connector)
            else:
                await asyncio.wait({measures})
            await self._wait_for_credentials(case, connector, deadline)
            for endpoint in connector.endpoints():
                group.create_task(self._logins.try_until_clear(case, endpoint, deadline))

    async def _agent_refuses(self, case: Case, connector: Connector) -> None:
        """Wait for every agent that answers this hook, also one that was lost: it may go on."""
        key = f"hook of {connector.name}"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await case.refusing.wait()
        except TimeoutError:
            silent = ["(none connected)"]
        else:
            acknowledged = await self._publisher.wait_ack(case.entry.body.seq, _PATIENCE_S)
            known = (*self._publisher.agents(), *self._publisher.lost_agents())
            silent = sorted(
                a.name for a in known if connector.name in a.hooks and a.name not in acknowledged
            )
        case.not_acknowledged(connector.name, silent)
        if silent:
            text = f"{key}: not acknowledged within {_PATIENCE_S:.0f} s: {', '.join(silent)}"
            case.failures[key] = text
        else:
            case.failures.pop(key, None)

    async def _wait_for_credentials(
        self, case: Case, connector: Connector, deadline: float
    ) -> None:
        if connector is self._systems.directory:
            return
        left = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(left / 2, 0.1)):
                await case.credentials_settled.wait()
        except TimeoutError:
            return  # tried without: the sighting says so

    async def _measures(self, case: Case, connector: Connector, deadline: float) -> None:
        left = deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(left):
                await self._observe_and_apply(case, connector)
        except SystemFault as error:
            self._blind(case, connector, error.text)
        except TimeoutError:
            text = f"{connector.name}: not finished within {self._timeout_s:.0f} s"
            self._blind(case, connector, text)
        finally:
            if connector is self._systems.directory:
                case.credentials_settled.set()

    async def _observe_and_apply(self, case: Case, connector: Connector) -> None:
        seen = await connector.observe(case.account, case.order)
        case.observed(seen)
        measures = connector.plan(case.account, seen, case.order)
        for effect in case.settled_by(seen, measures):
            await self._record(case, effect)
        case.planned(measures)
        ours = [m for m in measures if m.actor is Actor.CONTROL]
        for stage in sorted({m.stage for m in ours}):
            for measure in (m for m in ours if m.stage is stage):
                await self._apply(case, connector, measure)
            if stage is Stage.CREDENTIALS:
                self._credentials(case)
        if connector is self._systems.directory and not ours:
            self._credentials_stand(case, seen)
        await self._look_until_shut(case, connector, once=bool(ours))

    async def _look_until_shut(self, case: Case, connector: Connector, *, once: bool) -> None:
        """Look again right after the measures, so that the windows are known finely.

        Args:
            once: something was written: at least one look is owed.
        """
        for pause_s in _LOOKS_S:
            if not once and not case.seen_open(connector.name):
                return
            await asyncio.sleep(pause_s)
            case.observed(await connector.observe(case.account, case.order))
            once = False

    def _credentials_stand(self, case: Case, seen: Observation) -> None:
        """No measure is needed: this process has set them before, and they are untouched."""
        if seen.sightings and all(s.outcome.shut for s in seen.sightings):
            case.credentials_set = True

    def _credentials(self, case: Case) -> None:
        done = (EffectKind.DONE, EffectKind.UNCHANGED)
        kinds = [
            case.effects[m.id].kind
            for m in case.plan.values()
            if m.stage is Stage.CREDENTIALS and m.id in case.effects
        ]
        case.credentials_set = bool(kinds) and all(k in done for k in kinds)
        case.credentials_settled.set()

    async def _apply(self, case: Case, connector: Connector, measure: Measure) -> None:
        """Intent and before-image recorded, effect, effect recorded.

        What would be written over without its before-image being kept is left as it is.
        """
        account, generation = case.account.id, case.order.generation
        kept = await case.kept(self._journal.intent(account, generation, measure))
        if not kept and measure.image is not None:
            detail = "put off: its before-image could not be stored"
            case.came_to(Effect(measure=measure.id, kind=EffectKind.FAILED, detail=detail))
            return
        try:
            effect = await connector.apply(case.account, measure, case.order, case.passwords)
        except asyncio.CancelledError:
            detail = "not finished in time: whether it was done, only a look can tell"
            case.came_to(Effect(measure=measure.id, kind=EffectKind.UNCERTAIN, detail=detail))
            raise
        except EvictError as error:
            kind = EffectKind.UNCERTAIN if error.code == "uncertain" else EffectKind.FAILED
            effect = Effect(measure=measure.id, kind=kind, detail=error.text)
            if isinstance(error, AccessRefused | Unsupported):
                case.beyond_us.add(measure.id)
        await self._record(case, effect)

    async def _record(self, case: Case, effect: Effect) -> None:
        await case.kept(self._journal.effect(case.account.id, case.order.generation, effect))
        case.came_to(effect)

    async def _look_again(self, case: Case, connector: Connector) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                seen = await connector.observe(case.account, case.order)
        except (SystemFault, TimeoutError) as error:
            late = f"{connector.name}: no answer in time"
            self._blind(case, connector, error.text if isinstance(error, SystemFault) else late)
            return
        case.observed(seen)

    def _blind(self, case: Case, connector: Connector, text: str) -> None:
        doors = [door_of(e, credential_of(e.protocol)) for e in connector.endpoints()]
        case.could_not_look(connector.name, text, doors)
