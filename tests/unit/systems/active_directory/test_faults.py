# SPDX-License-Identifier: Apache-2.0
"""A controller that is down, hangs, answers half, or dies in the middle of a measure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anyldap.protocols import pureber

from evict.core.account import Account
from evict.core.errors import (
    AccessRefused,
    ConfigError,
    EvictError,
    RemoteProtocolError,
    Retry,
    Uncertain,
    Unreachable,
)
from evict.core.measure import EffectKind
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.base import Order
from evict.systems.ldap.messages import REPLACE, Change, modify_request
from tests.contract.directory_contract import close_all, order, passwords
from tests.contract.fake_controller import FakeController, Fault
from tests.contract.fake_entries import FILETIME_EPOCH, Store
from tests.contract.fakes import Authority, directory_of, running


@dataclass
class Scene:
    authority: Authority
    server: FakeController
    directory: ActiveDirectory
    alice: Account

    @property
    def held(self) -> list[str]:
        return self.server.store.passwords[self.alice.dn]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    authority, store = Authority(tmp_path), Store()
    store.person("alice", "Old-Pass-1")
    async with running(authority, store) as (server,):
        directory = directory_of(authority.ca_file, [server])
        yield Scene(authority, server, directory, await directory.resolve("alice"))
        await directory.close()


async def test_a_controller_that_is_down_is_unreachable(scene: Scene) -> None:
    await scene.server.stop()
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        await scene.directory.resolve("alice")
    assert caught.value.retry is Retry.LATER


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (Fault.HANG, Unreachable, "no answer within"),
        (Fault.HALF, Unreachable, "without a whole answer"),
        (Fault.NOISE, RemoteProtocolError, "sent"),
        (Fault.BUSY, Unreachable, "busy"),
    ],
)
async def test_a_read_that_gets_no_whole_answer_never_finds_nobody(
    scene: Scene, fault: Fault, kind: type[EvictError], text: str
) -> None:
    scene.server.fault = fault
    with pytest.raises(kind, match=text):
        await scene.directory.resolve("alice")


async def test_a_connection_that_the_server_closed_is_opened_again(scene: Scene) -> None:
    scene.server.cut()
    assert (await scene.directory.resolve("alice")).id == scene.alice.id
    assert scene.server.binds == 2


async def test_a_write_that_was_sent_and_not_answered_is_uncertain_and_a_look_settles_it(
    scene: Scene,
) -> None:
    given = order()
    seen = await scene.directory.observe(scene.alice, given)
    disable, _ = scene.directory.plan(scene.alice, seen, given)
    for fault, then in (
        (Fault.LOSE_WRITES, EffectKind.DONE),
        (Fault.DIE_AFTER_WRITE, EffectKind.UNCHANGED),
    ):
        scene.server.store.put(scene.alice.dn, userAccountControl="512")
        scene.server.fault = fault
        with pytest.raises(Uncertain):
            await scene.directory.apply(scene.alice, disable, given, passwords(scene.alice))
        scene.server.fault = Fault.NONE
        effect = await scene.directory.apply(scene.alice, disable, given, passwords(scene.alice))
        assert effect.kind is then


@pytest.mark.parametrize("fault", [Fault.LOSE_WRITES, Fault.DIE_AFTER_WRITE])
@pytest.mark.parametrize("done", [0, 1])
async def test_a_rotation_cut_anywhere_ends_with_each_password_set_once_or_again_before_the_second(
    scene: Scene, fault: Fault, done: int
) -> None:
    given = order()
    seen = await scene.directory.observe(scene.alice, given)
    disable, rotate = scene.directory.plan(scene.alice, seen, given)
    await scene.directory.apply(scene.alice, disable, given, passwords(scene.alice))
    scene.server.fault, scene.server.after_writes = fault, scene.server.writes + done
    with pytest.raises(Uncertain):
        await scene.directory.apply(scene.alice, rotate, given, passwords(scene.alice))
    scene.server.fault = Fault.NONE
    await scene.directory.apply(scene.alice, rotate, given, passwords(scene.alice))
    first, second = passwords(scene.alice).first.reveal(), passwords(scene.alice).second.reveal()
    assert scene.held == ["Old-Pass-1", first, second], "nothing was set twice"
    assert scene.server.store.bind(scene.alice.dn, "Old-Pass-1") == "52e"


async def test_without_the_second_reset_the_old_password_would_still_be_taken(
    scene: Scene,
) -> None:
    """The sabotage twin: the check above can fail."""
    scene.held.append(passwords(scene.alice).first.reveal())
    assert scene.server.store.bind(scene.alice.dn, "Old-Pass-1") == ""


async def test_a_reset_by_somebody_else_brings_the_rotation_back(scene: Scene) -> None:
    given = order()
    await close_all(scene.directory, scene.alice, given)
    scene.held.append("Helpdesk-1")
    scene.server.store.put(scene.alice.dn, pwdLastSet="139999999999999999")
    seen = await scene.directory.observe(scene.alice, given)
    assert [m.id for m in scene.directory.plan(scene.alice, seen, given)] == ["directory:rotate"]
    await close_all(scene.directory, scene.alice, given)
    assert scene.held[-1] == passwords(scene.alice).second.reveal()


class RacingStore(Store):
    """Somebody else writes just before the first modify arrives."""

    raced = False

    def modify(self, name: str, parts: list[pureber.BERBase]) -> int:
        if not self.raced:
            self.raced = True
            self.put(self.locate(name) or "", userAccountControl=str(512 | 0x10000))
        return super().modify(name, parts)


async def test_a_reset_by_somebody_else_between_the_two_resets_leaves_nothing_of_theirs(
    scene: Scene,
) -> None:
    """The first binds, since the one before the last is taken: that alone proves nothing."""
    given = order()
    await close_all(scene.directory, scene.alice, given)
    scene.held[:] = ["Old-Pass-1", passwords(scene.alice).first.reveal(), "Helpdesk-1"]
    scene.server.store.put(scene.alice.dn, pwdLastSet="139999999999999999")
    await close_all(scene.directory, scene.alice, given)
    assert "Helpdesk-1" not in scene.held[-2:]
    assert scene.held[-1] == passwords(scene.alice).second.reveal()


async def test_a_rotation_of_long_ago_is_told_by_its_second_password_alone(scene: Scene) -> None:
    given = Order(generation=1, commit_at=datetime.now(UTC) - timedelta(days=30), forms=())
    set_at = int((datetime.now(UTC) - timedelta(days=29) - FILETIME_EPOCH).total_seconds() * 1e7)
    scene.held[:] = [passwords(scene.alice).second.reveal()]
    scene.server.store.put(scene.alice.dn, pwdLastSet=str(set_at))
    effects = await close_all(scene.directory, scene.alice, given)
    assert effects == [EffectKind.DONE, EffectKind.UNCHANGED]


async def test_a_change_by_somebody_else_in_between_is_kept(scene: Scene) -> None:
    store = RacingStore(scene.server.store.entries, scene.server.store.passwords)
    scene.server.store = store
    assert EffectKind.DONE in await close_all(scene.directory, scene.alice, order())
    assert store.entries[scene.alice.dn]["useraccountcontrol"] == [str(514 | 0x10000).encode()]


async def test_a_plain_overwrite_would_lose_it(scene: Scene) -> None:
    """The sabotage twin of the test above."""
    store = RacingStore(scene.server.store.entries, scene.server.store.passwords)
    replace = Change(kind=REPLACE, attribute="userAccountControl", values=(b"514",))
    request = modify_request(scene.alice.dn, [replace])
    store.modify(scene.alice.dn, list(request.modification or ()))
    assert store.entries[scene.alice.dn]["useraccountcontrol"] == [b"514"]


async def test_a_missing_right_is_named_with_where_it_is_to_be_granted(scene: Scene) -> None:
    given = order()
    seen = await scene.directory.observe(scene.alice, given)
    plan = scene.directory.plan(scene.alice, seen, given)
    scene.server.fault = Fault.NO_RIGHT
    for measure, right in zip(plan, ("userAccountControl", "Reset Password"), strict=True):
        with pytest.raises(AccessRefused, match=f"{right}.*organisational unit"):
            await scene.directory.apply(scene.alice, measure, given, passwords(scene.alice))
    scene.server.store.put(scene.alice.dn, adminCount="1")
    admin = await scene.directory.resolve("alice")
    with pytest.raises(AccessRefused, match="AdminSDHolder"):
        await scene.directory.apply(admin, plan[0], given, passwords(admin))


async def test_a_wrong_bind_password_says_what_to_check_and_not_the_password(
    scene: Scene,
) -> None:
    directory = directory_of(scene.authority.ca_file, [scene.server], password="Wrong-Pass-9")
    with pytest.raises(AccessRefused, match=r"wrong password.*password_file") as caught:
        await directory.resolve("alice")
    assert "Wrong-Pass-9" not in f"{caught.value!r}{caught.value.fields}"
    await directory.close()


async def test_an_empty_bind_password_is_never_sent(scene: Scene) -> None:
    """It would be an anonymous bind, which succeeds (RFC 4513 section 5.1.2)."""
    before = scene.server.binds
    directory = directory_of(scene.authority.ca_file, [scene.server], password="")
    with pytest.raises(ConfigError):
        await directory.resolve("alice")
    assert scene.server.binds == before
    await directory.close()
