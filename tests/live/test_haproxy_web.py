# SPDX-License-Identifier: Apache-2.0
"""The HAProxy hook before the real SOGo and the real Roundcube."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

from estate import layout as at
from estate import services
from estate.clients.lines import Ended, Refused
from estate.clients.live import Live
from estate.clients.web_doors import through, use_first
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from estate.web import fronts
from evict.agent.replica import Replica
from evict.config.haproxy import HaproxyHook
from evict.systems.haproxy.hook import Hook
from evict.systems.haproxy.snippet import ProductName, parts
from tests.live.haproxy_rig import Told
from tests.unit.agent.fakes import Chain, push

pytestmark = pytest.mark.live

PRODUCTS: Final[tuple[ProductName, ...]] = ("sogo", "roundcube")
DOORS: Final = through(at.HAPROXY)


class Agent:
    """What an agent runs for both web mails."""

    def __init__(self, layout: Layout) -> None:
        self.chain = Chain()
        self.replica = Replica()
        self.told = {name: Told() for name in PRODUCTS}
        self.settings = {
            name: HaproxyHook(
                runtime=str(layout.haproxy_socket),
                map_folder=layout.haproxy_maps,
                state_file=layout.state / f"{name}.cookies",
            )
            for name in PRODUCTS
        }
        self.hooks = {
            name: Hook(
                name,
                self.settings[name],
                ledger=self.replica,
                tell=self.told[name],
                spell=self.replica.spellings,
                report=self.told[name],
            )
            for name in PRODUCTS
        }

    def revoke(self, person: Person) -> int:
        change = self.replica.apply(push(self.chain.revoke(person.name, person.name, person.mail)))
        for hook in self.hooks.values():
            for leaver in change.revoked:
                hook.cut(leaver.account, leaver.seq, leaver.forms)
            hook.fed()
        return self.replica.seq

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    async def enforced(self, seq: int) -> None:
        told = self.told.values()
        await self.until(lambda: all(t.enforcing and t.enforced >= seq for t in told))


@pytest.fixture
async def agent(web_estate: Layout, web_hooks: StandIn) -> AsyncIterator[Agent]:
    """It keeps the estate's HAProxy, which has the snippet."""
    assert web_hooks.closed == set()
    agent = Agent(web_estate)
    pieces = {name: parts(name, agent.settings[name], name) for name in PRODUCTS}
    for piece in pieces.values():
        for file in piece.files:
            file.write_text("")
    agent.replica.apply(agent.chain.snapshot())
    whole = fronts.haproxy_parts(
        dict.fromkeys(line for piece in pieces.values() for line in piece.global_lines),
        [section for piece in pieces.values() for section in piece.sections],
        sogo=pieces["sogo"].backend_lines,
        roundcube=pieces["roundcube"].backend_lines,
    )
    fronts.write_parts(web_estate, whole)
    await asyncio.to_thread(services.restart, web_estate, "haproxy")
    cutting = []
    try:
        for hook in agent.hooks.values():
            await hook.start()
            cutting.append(asyncio.create_task(hook.run()))
        await agent.enforced(0)
        yield agent
    finally:
        for task in cutting:
            task.cancel()
        for hook in agent.hooks.values():
            await hook.stop()
        fronts.write_parts(web_estate, fronts.PLAIN)
        await asyncio.to_thread(services.restart, web_estate, "haproxy")


def is_open(act: Callable[[], object]) -> str:
    """ "" where it is shut, else how it went."""
    try:
        act()
    except (Refused, Ended, OSError) as error:
        return "" if "503" not in str(error) else str(error)
    return "open"


async def test_every_door_of_the_leaver_is_shut_and_nobody_elses(
    agent: Agent,
    web_estate: Layout,
    someone: Callable[[], Person],
    web_sources: object,
) -> None:
    leaver, stays = someone(), someone()
    sources = iter(web_sources)  # type: ignore[call-overload]
    await asyncio.to_thread(use_first, web_estate, [leaver, stays])

    def sign_in(person: Person) -> dict[str, Live]:
        return {name: door(web_estate, person, next(sources)) for name, door in DOORS.items()}

    hers = await asyncio.to_thread(sign_in, leaver)
    his = await asyncio.to_thread(sign_in, stays)

    def beats(of: dict[str, Live]) -> dict[str, str]:
        return {name: is_open(live.beat) for name, live in of.items()}

    assert set((await asyncio.to_thread(beats, hers)).values()) == {"open"}
    assert set((await asyncio.to_thread(beats, his)).values()) == {"open"}
    seq = agent.revoke(leaver)
    await agent.enforced(seq)
    assert set((await asyncio.to_thread(beats, hers)).values()) == {""}

    def again(person: Person) -> dict[str, str]:
        return {
            name: is_open(lambda door=door: door(web_estate, person, next(sources)).close())
            for name, door in DOORS.items()
        }

    assert set((await asyncio.to_thread(again, leaver)).values()) == {""}
    assert set((await asyncio.to_thread(beats, his)).values()) == {"open"}
    assert set((await asyncio.to_thread(again, stays)).values()) == {"open"}
    await agent.until(lambda: all((seq, "quiet", 0) in t.steps for t in agent.told.values()))
    for live in (*hers.values(), *his.values()):
        live.close()


async def test_after_a_restart_nobody_signs_in_anew(
    agent: Agent, web_estate: Layout, someone: Callable[[], Person], web_sources: object
) -> None:
    stays = someone()
    sources = iter(web_sources)  # type: ignore[call-overload]
    webs = {
        name: await asyncio.to_thread(DOORS[name], web_estate, stays, next(sources))
        for name in ("sogo-web", "roundcube-web")
    }
    for hook in agent.hooks.values():
        await agent.until(lambda hook=hook: hook.keeper.cookies == 1)
    await asyncio.to_thread(services.restart, web_estate, "haproxy")
    await agent.until(lambda: all(told.lapses for told in agent.told.values()))
    await agent.enforced(0)
    for live in webs.values():
        assert await asyncio.to_thread(is_open, live.beat) == "open"
        live.close()
