# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from evict.config.roundcube import RoundcubeSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import Bug, SystemFault, Uncertain, Unreachable
from evict.core.exposure import Exposure, Finding
from evict.core.measure import BeforeImage, Effect, EffectKind, Measure
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.core.sighting import Method, Outcome, Sighting
from evict.systems.base import Observation, Order, Passwords
from evict.systems.roundcube.database import Database, Sessions
from evict.systems.roundcube.doors import Doors, endpoint
from evict.systems.roundcube.exposure import exposures
from evict.systems.roundcube.findings import examine
from evict.systems.roundcube.plan import END, plan
from evict.systems.roundcube.sessions import LeaversSessions


class RoundcubeConnector:
    """Control-side adapter to one Roundcube: its sessions, where they are kept in PostgreSQL.

    Args:
        dsn: PostgreSQL's connection string; None: nobody can look, and nothing is ended here.
    """

    product: Final = "roundcube"

    def __init__(self, section: RoundcubeSection, dsn: Secret | None) -> None:
        self._section = section
        self._doors = Doors(section)
        self._database = (
            Database(dsn, system=section.name, prefix=section.table_prefix) if dsn else None
        )
        self._sessions = LeaversSessions(section, self._database) if self._database else None

    @property
    def name(self) -> str:
        return self._section.name

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (endpoint(self._section),)

    async def close(self) -> None:
        if self._database is not None:
            await self._database.close()

    async def observe(self, account: Account, order: Order | None) -> Observation:
        """Look at the list of sessions.

        A look that fails is a sighting of its own (nobody could look), so that every door is named.
        """
        started = datetime.now(UTC)
        sightings: tuple[Sighting, ...] = ()
        facts: tuple[str, ...] = ()
        if self._sessions is not None:
            forms = _forms(account, order)
            outcome, text, facts = await _look(self._sessions, forms)
            sightings = (self._sighting(outcome, text, started),)
        return Observation(
            system=self.name,
            expectations=self._doors.expectations(),
            sightings=sightings,
            facts=facts,
        )

    def _sighting(self, outcome: Outcome, text: str, started: datetime) -> Sighting:
        return Sighting(
            door=self._doors.session,
            method=Method.LIST,
            outcome=outcome,
            started_at=started,
            ended_at=datetime.now(UTC),
            where=self._database.where if self._database else "",
            detail=text,
        )

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:  # noqa: ARG002 - the protocol's arguments
        return plan(self._section, self._doors)

    async def apply(
        self,
        account: Account,
        measure: Measure,
        order: Order,
        passwords: Passwords,  # noqa: ARG002 - Roundcube has no password of its own
    ) -> Effect:
        if measure.id != f"{self.name}:{END}" or self._sessions is None:
            raise Bug(f"the measure {measure.id} is not one of Roundcube's connector")
        ended = await self._sessions.end(_forms(account, order))
        if not ended.clean:
            detail = f"sessions ended: {ended.count}; there are some still"
            return Effect(measure=measure.id, kind=EffectKind.FAILED, detail=detail)
        kind = EffectKind.DONE if ended.count else EffectKind.UNCHANGED
        detail = f"sessions ended: {ended.count}; none is left"
        return Effect(measure=measure.id, kind=kind, detail=detail)

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:  # noqa: ARG002 - the protocol's arguments
        """No measure has a before-image: a session that was ended is not given back."""
        raise Bug(f"the measure {image.measure} has nothing to take back")

    async def exposure(self) -> tuple[Exposure, ...]:
        return await exposures(self._section, self._doors)

    async def findings(self) -> tuple[Finding, ...]:
        """What `evict doctor` says."""
        return await examine(self._section, self._database, self._sessions)


def _forms(account: Account, order: Order | None) -> frozenset[str]:
    return frozenset(order.forms if order else login_forms(account))


async def _look(
    sessions: LeaversSessions, forms: frozenset[str]
) -> tuple[Outcome, str, tuple[str, ...]]:
    """What the list shows, a sentence for it, and facts for people."""
    try:
        ids, found = await sessions.of(forms)
        if ids:
            text = f"live sessions in the database: {len(ids)}"
            return Outcome.PRESENT, text, (*_unread(found), text)
        storage = await sessions.storage()
    except SystemFault as fault:
        unreachable = isinstance(fault, Unreachable | Uncertain)
        outcome = Outcome.UNREACHABLE if unreachable else Outcome.UNCLEAR
        return outcome, fault.text, (f"not read: {fault.text}",)
    if not storage.is_here:
        return Outcome.UNCLEAR, storage.words, (storage.words,)
    if found.unreadable:
        (text,) = _unread(found)
        return Outcome.UNCLEAR, f"no session of the leaver's; {text}", (text,)
    return Outcome.EMPTY, "no session in the database", ()


def _unread(found: Sessions) -> tuple[str, ...]:
    if not found.unreadable:
        return ()
    return (f"sessions that nobody can tell whose they are: {found.unreadable}",)
