# SPDX-License-Identifier: Apache-2.0
"""What is found and deleted in memcached, spoken over sockets."""

from __future__ import annotations

import socket

import pytest

from evict.core.errors import RemoteProtocolError, Unreachable
from evict.systems.sogo.cache import ROUNDS, Cache
from evict.systems.sogo.memcached import Memcached
from evict.systems.sogo.names import Names
from tests.unit.systems.sogo.fake_memcached import FakeMemcached, served
from tests.unit.systems.sogo.samples import ALICE, section

HOST = "127.96.1.1"
HELD = b'{"c_uid":"alice","password":"32ffea9573003f151db716de2b40ad53efaf3a48"}'
LOOKED_UP = b'{"c_uid":"alice","emails":["alice@corp.test"]}'
NAMES = Names(section(), ALICE)


def cache(*addresses: str, timeout_s: float = 3.0) -> Cache:
    return Cache(Memcached(a, system="sogo", timeout_s=timeout_s) for a in addresses)


async def test_the_password_is_found_under_each_name_that_was_typed() -> None:
    mine = [b"ALICE+attributes", b"alice@corp.test+attributes", b"CORP\\alice+attributes"]
    others = [b"bob+attributes", b"info+attributes", b"alicea+attributes", b"\xff\xfe+attributes"]
    fake = FakeMemcached(dict.fromkeys([*mine, *others, b"alice+defaults"], HELD))
    async with served(fake, HOST) as address:
        held = await cache(address).held(NAMES)
        assert held.keys == tuple(sorted(mine))
        assert held.listed
        assert await cache(address).forget_password(NAMES) == (3, True)
        assert await cache(address).forget_password(NAMES) == (0, True)
    assert set(fake.values) == {*others, b"alice+defaults"}


@pytest.mark.parametrize("value", [LOOKED_UP, b"null", b"{}", b"half of a va"])
async def test_an_entry_without_a_password_lets_nobody_in(value: bytes) -> None:
    fake = FakeMemcached({b"alice+attributes": value})
    async with served(fake, HOST) as address:
        assert (await cache(address).held(NAMES)).keys == ()


async def test_half_an_entry_with_a_password_counts() -> None:
    fake = FakeMemcached({b"alice+attributes": HELD[:-1]})
    async with served(fake, HOST) as address:
        assert (await cache(address).held(NAMES)).keys == (b"alice+attributes",)


async def test_a_request_in_flight_that_writes_again_is_deleted_again() -> None:
    fake = FakeMemcached({b"alice+attributes": HELD})
    again = [HELD, HELD]
    fake.after_delete = lambda key: fake.values.update({key: again.pop()} if again else {})
    async with served(fake, HOST) as address:
        assert await cache(address).forget_password(NAMES) == (3, True)
    assert fake.values == {}


async def test_an_entry_that_comes_back_for_ever_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evict.systems.sogo.cache._BETWEEN_S", 0.0)
    fake = FakeMemcached({b"alice+attributes": HELD})
    fake.after_delete = lambda key: fake.values.update({key: HELD})
    async with served(fake, HOST) as address:
        assert await cache(address).forget_password(NAMES) == (ROUNDS, False)


async def test_without_a_list_the_likely_names_are_asked_for() -> None:
    keys = [b"Alice+attributes", b"info@corp.test+attributes", b"aLiCe+attributes"]
    fake = FakeMemcached(dict.fromkeys(keys, HELD))
    fake.lists = False
    async with served(fake, HOST) as address:
        held = await cache(address).held(NAMES)
    assert held.keys == (b"Alice+attributes", b"info@corp.test+attributes")
    assert not held.listed


async def test_every_server_is_looked_at() -> None:
    first, second = FakeMemcached(), FakeMemcached({b"alice+attributes": HELD})
    async with served(first, HOST) as one, served(second, "127.96.1.2") as two:
        both = cache(one, two)
        assert (await both.held(NAMES)).keys == (b"alice+attributes",)
        assert await both.forget_password(NAMES) == (1, True)
        assert await both.answers() == {one: None, two: None}


async def test_a_list_for_somebody_else_is_waited_for() -> None:
    fake = FakeMemcached({b"ALICE+attributes": HELD})
    fake.busy = 3
    async with served(fake, HOST) as address:
        assert (await cache(address).held(NAMES)).keys == (b"ALICE+attributes",)


async def test_a_key_with_a_blank_is_named_in_base64() -> None:
    fake = FakeMemcached({b"bob/Calendar/my days+acl": b"{}"})
    async with served(fake, HOST) as address:
        assert await cache(address).forget([b"bob/Calendar/my days+acl"]) == 1
    assert fake.values == {}
    assert fake.asked[-1].endswith(b" b")


@pytest.mark.parametrize("answer", [b"ERROR\r\n", b"VA x\r\n", b"VA 99999999999\r\n", b"\r\n"])
async def test_a_strange_answer_is_a_fault_that_quotes_a_word_at_most(answer: bytes) -> None:
    fake = FakeMemcached()
    fake.strange = answer
    async with served(fake, HOST) as address:
        with pytest.raises(RemoteProtocolError):
            await cache(address).forget([b"alice+attributes"])
        async with Memcached(address, system="sogo").open() as line:
            with pytest.raises(RemoteProtocolError):
                await line.get(b"alice+attributes")


async def test_silence_hanging_up_and_a_closed_port_are_unreachable() -> None:
    fake = FakeMemcached()
    fake.strange = b""
    async with served(fake, HOST) as address:
        with pytest.raises(Unreachable, match=r"within 0\.1 s"):
            await cache(address, timeout_s=0.1).held(NAMES)
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unreachable):
            await cache(f"{HOST}:{port}").held(NAMES)
    with pytest.raises(Unreachable):
        await cache("/nowhere/memcached.sock").held(NAMES)
