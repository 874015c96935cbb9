# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

from msgspec import Struct

from evict.config.model import DovecotSection
from evict.core.account import Account
from evict.core.door import Door
from evict.core.endpoint import Endpoint
from evict.core.errors import Bug, SystemFault, Uncertain, Unreachable
from evict.core.exposure import Exposure, Finding
from evict.core.measure import BeforeImage, Effect, EffectKind, Measure
from evict.core.names import login_forms, try_canonical, without_sub_address
from evict.core.secret import Secret
from evict.core.sighting import Method, Outcome, Sighting
from evict.systems.base import Observation, Order, Passwords
from evict.systems.command import Tool
from evict.systems.dovecot import settings
from evict.systems.dovecot.doors import Doors, endpoints
from evict.systems.dovecot.doveadm import NOBODY, Doveadm, Session, flush, kick, kickable
from evict.systems.dovecot.exposure import exposures
from evict.systems.dovecot.findings import examine
from evict.systems.dovecot.plan import plan
from evict.systems.dovecot.scripts import ActiveScript, Scripts

_ROUNDS: Final = 20
"""Flush, kick and look at most so often; clients that log in without pause need two or three."""
_BETWEEN_ROUNDS_S: Final = 0.05

_Seen = TypeVar("_Seen")


class State(Struct, frozen=True, kw_only=True):
    """What the planner needs: the mailboxes' active scripts."""

    scripts: tuple[ActiveScript, ...] = ()


class DovecotConnector:
    """Control-side adapter to one Dovecot: its list of sessions, its cache, its Sieve scripts.

    Args:
        api_key: doveadm_api_key.
        ticket_life_minutes: of the directory, where it was declared.
        probe_network: CIDR of the addresses that only probes use.
    """

    product: Final = "dovecot"

    def __init__(
        self,
        section: DovecotSection,
        api_key: Secret,
        *,
        ticket_life_minutes: int | None = None,
        probe_network: str | None = None,
    ) -> None:
        self._section = section
        self._doveadm = Doveadm(section.doveadm_url, api_key, system=section.name)
        self._doors = Doors(section)
        self._scripts = Scripts(
            self._doveadm, system=section.name, username_format=section.username_format
        )
        self._tool = Tool(system=section.name, prefix=section.command_prefix)
        self._ticket_life_minutes = ticket_life_minutes
        self._probe_network = probe_network
        self._others: dict[str, set[str]] = {}

    @property
    def name(self) -> str:
        return self._section.name

    def endpoints(self) -> tuple[Endpoint, ...]:
        return endpoints(self._section)

    async def close(self) -> None:
        await self._doveadm.close()

    async def observe(self, account: Account, order: Order | None) -> Observation:
        """Look at the list of sessions and at the scripts, side by side.

        A look that fails is a sighting of its own (nobody could look) and not a fault, so that
        every door is named and one failure does not hide what the other look saw.
        """
        started = datetime.now(UTC)
        sessions, scripts = await asyncio.gather(
            _looked(self._doveadm.who), _looked(lambda: self._scripts.of(account))
        )
        look = _Look(started, urlsplit(self._section.doveadm_url).netloc.rpartition("@")[2])
        facts: list[str] = []
        also: tuple[Door, ...] = ()
        if isinstance(sessions, SystemFault):
            sightings = [look.failed(door, sessions) for door in self._doors.sessions]
        else:
            forms = self._forms(account, order)
            counts = Counter(s.protocol for s in sessions if _belongs(s, forms))
            known = {door.protocol for door in self._doors.sessions}
            # Seen once, looked for ever after: else its door would stay open when it is gone.
            others = self._others.setdefault(account.id, set()) if counts.keys() - known else set()
            others |= counts.keys() - known
            also = tuple(map(self._doors.session, sorted(self._others.get(account.id, ()))))
            sightings = [look.counted(d, counts) for d in (*self._doors.sessions, *also)]
            facts += [f"live sessions: {n} {protocol}" for protocol, n in sorted(counts.items())]
        if isinstance(scripts, SystemFault):
            sightings.append(look.failed(self._doors.script, scripts))
            state = State()
        else:
            sightings.append(look.scripts(self._doors.script, scripts))
            facts += [script.sentence for script in scripts]
            state = State(scripts=scripts)
        return Observation(
            system=self.name,
            expectations=self._doors.expectations(also),
            sightings=tuple(sightings),
            facts=tuple(facts),
            state=state,
        )

    def _forms(self, account: Account, order: Order | None) -> frozenset[str]:
        forms = order.forms if order else login_forms(account, [self._section.username_format])
        return frozenset(forms)

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:  # noqa: ARG002 - the protocol's arguments
        scripts = seen.state.scripts if isinstance(seen.state, State) else ()
        return plan(self._section, self._doors, scripts)

    async def apply(
        self,
        account: Account,
        measure: Measure,
        order: Order,
        passwords: Passwords,  # noqa: ARG002 - Dovecot has no password of its own
    ) -> Effect:
        match measure.id.split(":")[1:]:
            case ["flush"]:
                count = await self.forget(order.forms)
                kind = EffectKind.DONE if count else EffectKind.UNCHANGED
                return Effect(
                    measure=measure.id, kind=kind, detail=f"cached logins flushed: {count}"
                )
            case ["kick"]:
                return await self._kick(measure, self._forms(account, order))
            case ["deactivate-sieve", *_]:
                return await self._scripts.deactivate(measure)
        raise Bug(f"the measure {measure.id} is not one of Dovecot's connector")

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:  # noqa: ARG002 - the image names the mailbox
        return await self._scripts.activate_again(image, overwrite=overwrite)

    async def forget(self, forms: Iterable[str]) -> int:
        """Take these names out of the authentication cache; how many entries that were.

        None at all flushes nothing: an empty list would mean everybody.
        """
        wanted = list(forms)
        if not wanted:
            return 0
        (answer,) = await self._doveadm.run([flush(wanted)])
        return sum(int(row.get("entries", "0")) for row in self._doveadm.rows(answer))

    async def _kick(self, measure: Measure, forms: frozenset[str]) -> Effect:
        """Flush, kick and look until nothing is left."""
        ended = 0
        for _ in range(_ROUNDS):
            names = {s.username for s in await self._doveadm.who() if _belongs(s, forms)}
            if not names:
                kind = EffectKind.DONE if ended else EffectKind.UNCHANGED
                detail = f"sessions ended: {ended}; none is left"
                return Effect(measure=measure.id, kind=kind, detail=detail)
            ended += await self._kick_once(sorted(names))
            await asyncio.sleep(_BETWEEN_ROUNDS_S)
        detail = f"after {_ROUNDS} rounds there are sessions still"
        return Effect(measure=measure.id, kind=EffectKind.FAILED, detail=detail)

    async def _kick_once(self, names: list[str]) -> int:
        """By the exact spelling on the list; a name that doveadm would misread is left alone."""
        kickables = [name for name in names if kickable(name)]
        commands = [flush(names), *(kick(name) for name in kickables)]
        flushed, *kicked = await self._doveadm.run(commands)
        self._doveadm.rows(flushed)
        return sum(0 if a.exit_code == NOBODY else len(self._doveadm.rows(a)) for a in kicked)

    async def exposure(self) -> tuple[Exposure, ...]:
        read = await settings.read(self._tool, self._section.config_file)
        return exposures(self._doors, read, ticket_life_minutes=self._ticket_life_minutes)

    async def findings(self) -> tuple[Finding, ...]:
        """What `evict doctor` says: the interfaces first, then what the settings allow."""
        return await examine(
            self._section, self._doveadm, self._tool, probe_network=self._probe_network
        )


async def _looked(look: Callable[[], Awaitable[_Seen]]) -> _Seen | SystemFault:
    """A call, not a coroutine: what is cancelled before its turn leaves nothing unawaited."""
    try:
        return await look()
    except SystemFault as fault:
        return fault


def _belongs(session: Session, forms: frozenset[str]) -> bool:
    form = try_canonical(session.username)
    return form is not None and (form in forms or without_sub_address(form) in forms)


class _Look:
    """Makes the sightings of one look at the server's lists."""

    def __init__(self, started: datetime, where: str) -> None:
        self._started = started
        self._where = where

    def failed(self, door: Door, fault: SystemFault) -> Sighting:
        unreachable = isinstance(fault, Unreachable | Uncertain)
        outcome = Outcome.UNREACHABLE if unreachable else Outcome.UNCLEAR
        return self._sighting(door, outcome, fault.text)

    def counted(self, door: Door, counts: Counter[str]) -> Sighting:
        count = counts[door.protocol]
        if count:
            text = f"live {door.protocol} sessions on the server's list: {count}"
            return self._sighting(door, Outcome.PRESENT, text)
        text = f"no live {door.protocol} session on the server's list"
        return self._sighting(door, Outcome.EMPTY, text)

    def scripts(self, door: Door, scripts: tuple[ActiveScript, ...]) -> Sighting:
        if scripts:
            text = "; ".join(script.sentence for script in scripts)
            return self._sighting(door, Outcome.PRESENT, text)
        return self._sighting(door, Outcome.EMPTY, "no active Sieve script")

    def _sighting(self, door: Door, outcome: Outcome, detail: str) -> Sighting:
        return Sighting(
            door=door,
            method=Method.LIST,
            outcome=outcome,
            started_at=self._started,
            ended_at=datetime.now(UTC),
            where=self._where,
            detail=detail,
        )
