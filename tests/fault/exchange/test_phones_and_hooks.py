# SPDX-License-Identifier: Apache-2.0
"""A phone that does not give up, and a balancer whose hook nobody answers."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from evict.lab.estate.layout import DOMAIN, HTTPS_PORT
from evict.lab.estate.people import Person
from evict.systems.base import Connector
from evict.wire import activesync_requests as requests
from evict.wire.activesync import CONTENT_TYPE, PATH, read_body, status_of, write_body
from evict.wire.wbxml import Element
from tests.lab.place import ALICE, BOB, CAROL, Place, place
from tests.unit.systems.exchange.samples import NOTHING, order

_LATE_S = 3600.0
"""Longer than a server takes to read a mailbox's settings again."""


class Phone:
    """It provisions itself and syncs, and does so anew whenever it is told that it must."""

    def __init__(self, here: Place, person: Person) -> None:
        self._verify = ssl.create_default_context(cafile=str(here.layout.ca_file))
        self._url = f"https://{here.layout.server('ex01')}:{HTTPS_PORT}{PATH}"
        self._auth = (person.upn(DOMAIN), person.password)
        self._key = 0

    async def _ask(self, command: str, root: Element) -> httpx2.Response:
        headers = {
            "MS-ASProtocolVersion": "14.1",
            "Content-Type": CONTENT_TYPE,
            "X-MS-PolicyKey": str(self._key),
        }
        query = f"?Cmd={command}&User=x&DeviceId=PHONE7&DeviceType=Test"
        async with httpx2.AsyncClient(verify=self._verify, trust_env=False) as client:
            return await client.post(
                self._url + query, content=write_body(root), headers=headers, auth=self._auth
            )

    async def syncs(self) -> bool:
        """Try it all from the beginning; whether its folders came."""
        self._key = 0
        hello = await self._ask("Provision", requests.provision(model="m", user_agent="u"))
        if hello.status_code != 200 or not hello.content:
            return False
        root = read_body(hello.content)
        if status_of(root) != 1:
            return False
        taken = await self._ask("Provision", requests.acknowledge(requests.read_policy(root).key))
        self._key = requests.read_policy(read_body(taken.content)).key
        answer = await self._ask("FolderSync", requests.folder_sync("0"))
        if answer.status_code != 200 or not answer.content:
            return False
        return status_of(read_body(answer.content)) == 1


@pytest.mark.parametrize("verbs", [("block-device", "remove-partnership"), ("remove-partnership",)])
async def test_a_blocked_id_keeps_a_phone_out_that_makes_its_partnership_again(
    tmp_path: Path, verbs: tuple[str, ...]
) -> None:
    """The second is the sabotaged one: removed and not blocked, it comes in again."""
    async with place(tmp_path, hook=False) as here, here.serving(agent=False) as service:
        phone = Phone(here, ALICE)
        assert await phone.syncs()
        assert list(here.box(ALICE).devices) == ["PHONE7"]
        connector = next(c for c in service._parts.systems.all if c.name == "exchange")
        await _carry_out(connector, here, verbs)
        assert not here.box(ALICE).devices
        here.lab.clock.advance(_LATE_S)
        back = "block-device" not in verbs
        assert await phone.syncs() is back
        assert bool(here.box(ALICE).devices) is back


async def _carry_out(connector: Connector, here: Place, verbs: tuple[str, ...]) -> None:
    account = here.account(ALICE)
    seen = await connector.observe(account, order())
    wanted = [m for m in connector.plan(account, seen, order()) if m.id.split(":")[1] in verbs]
    assert len(wanted) == len(verbs)
    for measure in wanted:
        await connector.apply(account, measure, order(), NOTHING)


async def test_without_the_agent_the_balancer_refuses_everybody(tmp_path: Path) -> None:
    async with place(tmp_path) as here, here.serving(agent=False) as service:
        async with AsyncExitStack() as stack:
            await here.agent(service, stack)
            assert await _statuses(here, BOB, CAROL) == [200, 200]
        assert await _statuses(here, BOB, CAROL) == [503, 503]
        async with AsyncExitStack() as stack:
            await here.agent(service, stack)
            assert await _statuses(here, BOB, CAROL) == [200, 200]


async def test_a_balancer_that_asks_nobody_lets_them_in(tmp_path: Path) -> None:
    """The sabotaged one: the same without the hook."""
    async with place(tmp_path, hook=False) as here:
        assert await _statuses(here, BOB, CAROL) == [200, 200]


async def _statuses(here: Place, *persons: Person) -> list[int]:
    """What the front answers each of them at ActiveSync."""
    context = ssl.create_default_context(cafile=str(here.layout.ca_file))
    context.check_hostname = False
    url = f"https://{here.layout.address}:{HTTPS_PORT}{PATH}"
    found = []
    async with httpx2.AsyncClient(verify=context, trust_env=False) as client:
        for person in persons:
            auth = (person.upn(DOMAIN), person.password)
            found.append((await client.request("OPTIONS", url, auth=auth)).status_code)
    return found
