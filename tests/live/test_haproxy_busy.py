# SPDX-License-Identifier: Apache-2.0
"""The HAProxy hook on Debian's HAProxy while much goes on, and over time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live.haproxy_rig import Rig, basic, needs_haproxy

pytestmark = needs_haproxy
FORMS = ("alice", "alice@corp.test", "corp\\alice")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, "127.94.3.1")
    rig.chain.revoke("gone-1", "dora")
    async with rig.running():
        yield rig


async def test_among_many_short_requests_nobody_elses_is_ended(rig: Rig) -> None:
    """HAProxy ends a stream by an address that the next stream may have."""
    stop = asyncio.Event()

    async def busy(name: str, *, leaves: bool) -> list[str]:
        """How requests of theirs failed, until they are refused or the test ends."""
        failed: list[str] = []
        while not stop.is_set():
            client = rig.client("sogo")
            try:
                for _ in range(3):
                    status = (await client.ask("POST", "/mail", basic(name))).status
                    if status == 403 and leaves:
                        return []
                    if status != 200:
                        failed.append(f"answered {status}")
            except EOFError:
                failed.append("ended")
            finally:
                client.close()
        return failed

    bystanders = [asyncio.create_task(busy(f"stays{n}", leaves=False)) for n in range(8)]
    for n in range(60):
        leaver = asyncio.create_task(busy(f"goes{n}", leaves=True))
        await rig.until(lambda: len(rig.origin.seen) % 7 == 0)
        rig.revoke(f"id-{n}", f"goes{n}")
        await leaver
    stop.set()
    assert await asyncio.gather(*bystanders) == [[]] * 8


async def test_a_connection_that_shows_something_else_is_read_anew(rig: Rig) -> None:
    hers, his = await rig.session("sogo", "alice"), await rig.session("sogo", "bob")
    client = rig.client("sogo")

    async def post(*headers: str) -> int:
        return (await client.ask("POST", "/mail", *headers)).status

    assert [await post(hers), await post(hers), await post(his), await post()] == [200] * 4
    assert [await post(basic("alice")), await post(basic("alice")), await post(basic("bob"))] == (
        [200] * 3
    )
    await rig.enforced(rig.revoke("id-1", *FORMS))
    assert [await post(his), await post(his)] == [200, 200]
    assert [await post(hers), await post(hers), await post(his)] == [403, 403, 200]
    assert [await post(basic("alice")), await post(basic("bob")), await post(basic("bob"))] == (
        [403, 200, 200]
    )
    assert await post(basic("bob"), hers) == 200
    assert rig.origin.seen[-1] == ("/mail", "")
    assert await post(f"Cookie: {basic('bob')[15:]}") == 200
    assert await post(basic("bob"), "Cookie: 0xhighflyxsogo=look-alike") == 400


async def test_cookies_that_are_over_are_taken_out_of_the_map(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "127.94.2.4")
    soon, later = int(time.time()) + 3, int(time.time()) + 3600
    lines = [f"{n:064X} {soon if n < 300 else later} user{n}\n" for n in range(310)]
    (tmp_path / "sogo.cookies").write_text("".join(lines))
    async with rig.running(products=("sogo",)):
        keeper = rig.hooks["sogo"].keeper
        await rig.until(lambda: keeper.cookies == 10)
        shown = f"show map {tmp_path}/maps/evict_sogo_cookies.map"
        async with asyncio.timeout(5):
            while len((await rig.ask(shown)).splitlines()) != 10:
                await asyncio.sleep(0.05)
        assert f"{309:064X} user309" in await rig.ask(shown)
