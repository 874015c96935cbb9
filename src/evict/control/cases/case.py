# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from msgspec import structs

from evict.control.cases import acknowledged
from evict.control.cases.acknowledged import AgentSaid
from evict.control.progress import DoorJudged, Event, MeasureDone, Refusing
from evict.core.account import Account
from evict.core.door import Credential, Door
from evict.core.errors import LedgerFull
from evict.core.measure import Effect, EffectKind, Measure
from evict.core.revocation import Entry
from evict.core.sighting import Sighting
from evict.core.verdict import Expectation, Judgement, Verdict, judge
from evict.evidence.statement import Reopened
from evict.systems.base import Observation, Order, Passwords

Emit = Callable[[Event], None]

_JOURNAL: Final = "journal"
_UNSETTLED: Final = (EffectKind.FAILED, EffectKind.UNCERTAIN)


class Case:
    """One leaving, from the ledger entry to the evidence: what is known of it so far.

    Holds no connection and makes no decision; `runner` fills it, `report` reads it.

    Attributes:
        beyond_us: measures that our rights or the product do not allow: to repeat them in the same
            look is of no use.
        seen: what each system showed last.
        reopened: what had been closed before and was seen open, where that is why it runs.
    """

    def __init__(
        self, account: Account, entry: Entry, order: Order, passwords: Passwords, emit: Emit
    ) -> None:
        self.account = account
        self.entry = entry
        self.order = order
        self.passwords = passwords
        self.emit = emit
        self.expectations: dict[Door, Expectation] = {}
        self.plan: dict[str, Measure] = {}
        self.effects: dict[str, Effect] = {}
        self.failures: dict[str, str] = {}
        self.beyond_us: set[str] = set()
        self.seen: dict[str, Observation] = {}
        self.reopened: tuple[Reopened, ...] = ()
        self.facts: dict[str, tuple[str, ...]] = {}
        self._silent: dict[str, tuple[str, ...]] = {}
        self._silent_at = order.commit_at
        self._blind: dict[str, str] = {}
        self.said: list[AgentSaid] = []
        self.refusing = asyncio.Event()
        self.struck = asyncio.Event()
        self.credentials_settled = asyncio.Event()
        self.credentials_set = False
        self._sightings: list[Sighting] = []
        self._words: dict[Door, Judgement] = {}

    @property
    def commit_at(self) -> datetime:
        return self.order.commit_at

    def ms(self) -> float:
        """Milliseconds since the commit."""
        return round((datetime.now(UTC) - self.commit_at).total_seconds() * 1000, 3)

    def expect(self, expectations: Iterable[Expectation]) -> None:
        for expectation in expectations:
            self.expectations[expectation.door] = expectation
        self._announce()

    def observed(self, seen: Observation) -> None:
        """Keep what a system showed; a look that failed before is made good."""
        self.failures.pop(seen.system, None)
        self._blind.pop(seen.system, None)
        self.facts[seen.system] = seen.facts
        self.seen[seen.system] = seen
        self.expect(seen.expectations)
        self.see(*seen.sightings)

    @property
    def silent_agents(self) -> frozenset[str]:
        """Agents that were asked last and had not acknowledged."""
        return frozenset(agent for agents in self._silent.values() for agent in agents)

    def not_acknowledged(self, system: str, agents: Iterable[str]) -> None:
        """Keep which agents that answer this system's hook were silent when it was last asked."""
        self._silent[system] = tuple(agents)
        self._silent_at = datetime.now(UTC)

    def could_not_look(self, system: str, text: str, doors: Iterable[Door]) -> None:
        """Keep why a system showed nothing; its doors are named even if it never answered."""
        self.failures[system] = text
        self._blind[system] = text
        known = {d.system for d in self.expectations}
        self.expect(Expectation(door=d) for d in doors if system not in known)

    def see(self, *sightings: Sighting) -> None:
        self._sightings += sightings
        self._announce()

    def heard(self, message: AgentSaid) -> None:
        self.said.append(message)
        if message.step is None:
            self.emit(Refusing(account=self.account.id, agent=message.agent, ms=self.ms()))
            self.refusing.set()
        elif message.step.step != "flush":
            self.struck.set()
        self._announce()

    def planned(self, measures: Iterable[Measure]) -> None:
        for measure in measures:
            self.plan.setdefault(measure.id, measure)
        self._announce()

    def settled_by(self, seen: Observation, needed: Iterable[Measure]) -> tuple[Effect, ...]:
        """What a later look says of measures that failed, or that nobody answered.

        A measure is settled where all its doors were looked at clearly and it is needed no more.
        """
        ids = {measure.id for measure in needed}
        mine = {e.measure: e for e in self.effects.values() if e.kind in _UNSETTLED}
        return tuple(
            _settled(mine[m.id])
            for m in self.plan.values()
            if m.id in mine and m.id not in ids and m.system == seen.system and _clear(m, seen)
        )

    def came_to(self, effect: Effect) -> None:
        """Keep what came of a measure; a later look never turns a done one into an unchanged."""
        before = self.effects.get(effect.measure)
        again = effect.kind is EffectKind.UNCHANGED
        if not (before is not None and before.kind is EffectKind.DONE and again):
            self.effects[effect.measure] = effect
        if effect.kind in (EffectKind.DONE, EffectKind.UNCHANGED):
            self.failures.pop(effect.measure, None)
            self.beyond_us.discard(effect.measure)
        self.emit(MeasureDone(account=self.account.id, effect=effect, ms=self.ms()))

    async def kept(self, storing: Awaitable[None]) -> bool:
        """Await a write to the journal. A full disk is told, and holds up no measure without it."""
        try:
            await storing
        except LedgerFull as error:
            self.failures[_JOURNAL] = error.text
            return False
        self.failures.pop(_JOURNAL, None)
        return True

    def sightings(self) -> tuple[Sighting, ...]:
        """Everything seen, oldest first."""
        plan = self.plan.values()
        of_agents = acknowledged.sightings(plan, self.said)
        silences = acknowledged.silences(plan, self._silent, self._silent_at)
        return tuple(sorted((*self._sightings, *of_agents, *silences), key=lambda s: s.ended_at))

    def all_effects(self) -> tuple[Effect, ...]:
        """The effects in the order of the plan, the agents' included."""
        of_agents = {e.measure: e for e in acknowledged.effects(self.plan.values(), self.said)}
        both = {**self.effects, **of_agents}
        return tuple(both.get(m.id) or _not_carried_out(m) for m in self.ordered_plan())

    def ordered_plan(self) -> list[Measure]:
        """By stage, then by name."""
        return sorted(self.plan.values(), key=lambda m: (m.stage, m.id))

    def verdicts(self) -> tuple[Verdict, ...]:
        """One a door, sorted by door."""
        seen = self.sightings()
        return tuple(
            self._with_reason(judge(self.expectations[door], seen, self.commit_at))
            for door in sorted(self.expectations)
        )

    def _with_reason(self, verdict: Verdict) -> Verdict:
        blind = self._blind.get(verdict.door.system)
        unproven = verdict.judgement is Judgement.UNVERIFIABLE and verdict.nature.provable
        return structs.replace(verdict, why=blind) if blind and unproven else verdict

    def seen_open(self, system: str) -> bool:
        """Whether the last look at some door of this system found it open."""
        return any(
            v.judgement is Judgement.OPEN for v in self.verdicts() if v.door.system == system
        )

    def all_failures(self) -> tuple[str, ...]:
        """One sentence for each thing that failed and was not made good since."""
        of_measures = [f"{e.measure}: {e.detail}" for e in self._unsettled()]
        return tuple(dict.fromkeys([*self.failures.values(), *of_measures]))

    def _unsettled(self) -> list[Effect]:
        return [effect for effect in self.all_effects() if effect.kind in _UNSETTLED]

    def at_rest(self) -> bool:
        """Whether another round would change nothing.

        All is shut, or beyond our rights, or a live session that nothing lists and nobody watches
        (Exchange has none of IMAP's): where a whole round saw nothing of it, no other will.
        """
        good = (Judgement.SHUT, Judgement.BOUNDED)
        looked_at = {sighting.door for sighting in self.sightings()}
        left = {v.door for v in self.verdicts() if v.nature.provable and v.judgement not in good}
        left -= {d for d in left if d.credential is Credential.SESSION and d not in looked_at}
        beyond = {door for measure in self.beyond_us for door in self.plan[measure].doors}
        unsettled = {effect.measure for effect in self._unsettled()}
        return not self.failures and left <= beyond and unsettled <= self.beyond_us

    def _announce(self) -> None:
        for verdict in self.verdicts():
            if self._words.get(verdict.door) is not verdict.judgement:
                self._words[verdict.door] = verdict.judgement
                event = DoorJudged(account=self.account.id, verdict=verdict, ms=self.ms())
                self.emit(event)


def _not_carried_out(measure: Measure) -> Effect:
    detail = "not carried out: the time of this look was up before its turn came"
    return Effect(measure=measure.id, kind=EffectKind.FAILED, detail=detail)


def _settled(effect: Effect) -> Effect:
    uncertain = effect.kind is EffectKind.UNCERTAIN
    return Effect(
        measure=effect.measure,
        kind=EffectKind.DONE if uncertain else EffectKind.UNCHANGED,
        detail="a later look shows that nothing of it is left to do",
    )


def _clear(measure: Measure, seen: Observation) -> bool:
    """Whether every door of the measure was looked at, and no look at one of them was in vain."""
    looks = [s for s in seen.sightings if s.door in measure.doors]
    clear = all(s.outcome.open or s.outcome.shut for s in looks)
    return clear and {s.door for s in looks} == set(measure.doors)
