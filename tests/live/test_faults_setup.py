# SPDX-License-Identifier: Apache-2.0
"""What is wrong before anything is ordered: settings, the ledger and its disk, who may ask."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from estate.clients.lines import Ended, Refused
from estate.clients.sessions import Imap
from estate.people import Person
from estate.run_as import EVICT, as_user, environment
from tests.live.faults import Lab, lab_of

pytestmark = pytest.mark.live

LONG = "x" * 100_000


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Lab:
    return lab_of(request.config)


@pytest.fixture
def stopped(lab: Lab) -> Iterator[None]:
    lab.product.stop()
    yield
    lab.product.start()


def gets_in(lab: Lab, someone: Person) -> bool:
    try:
        Imap(lab.layout, someone, lab.source()).close()
    except (Refused, Ended):
        return False
    return True


@pytest.mark.usefixtures("stopped")
def test_an_unknown_key_is_refused_with_the_nearest_one_by_every_command(lab: Lab) -> None:
    before = lab.layout.config.read_text()
    lab.layout.config.write_text(before.replace("bind_user", "bind_usr"))
    try:
        for command in (["serve"], ["agent"], ["revoke", "bob"], ["config", "check"]):
            done = lab.product.run(*command)
            assert done.returncode == 78, command
            assert "directory.bind_usr" in done.stderr
            assert "bind_user" in done.stderr
            assert str(lab.layout.config) in done.stderr
    finally:
        lab.layout.config.write_text(before)
    assert lab.product.run("config", "check").returncode == 0


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("command", ["revoke", "status", "doors"])
def test_without_the_service_a_command_says_that_hooks_need_it(lab: Lab, command: str) -> None:
    done = lab.product.run(command, "bob")
    assert done.returncode == 69
    assert "`evict serve` does not answer" in done.stderr
    assert "start it first" in done.stderr
    assert done.stdout == ""


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir()}


def test_a_flipped_byte_in_the_ledger_is_found_before_anybody_is_answered(lab: Lab) -> None:
    leavers = [lab.person() for _ in range(2)]
    for leaver in leavers:
        assert lab.revoke(leaver).code == 0
    told = lab.status(leavers[0])
    rows = json.loads(lab.product.evict("ledger", "show", "--json"))["entries"]
    seq = next(row["seq"] for row in rows if row["account"] == told["account"])
    lab.product.stop()
    folder = lab.layout.config.parent / "ledger"
    whole = files_of(folder)
    try:
        flip(folder, told["account"].encode())
        done = lab.product.run("serve")
        assert done.returncode == 78
        assert f"the ledger is damaged at entry {seq}" in done.stderr
    finally:
        for path, content in whole.items():
            path.write_bytes(content)
            shutil.chown(path, "evict", "evict")
        lab.product.start()
    assert lab.product.run("ledger", "verify").returncode == 0


def flip(folder: Path, account: bytes) -> None:
    """One bit of the account's id in the chained body, which goes on with its instant."""
    begin = b'{"account":"'
    body = begin + account + b'","at":"'
    changed = 0
    for path in folder.iterdir():
        content = path.read_bytes()
        if body in content:
            changed += 1
            spot = content.index(body) + len(begin)
            path.write_bytes(content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :])
    assert changed


@contextmanager
def small_disk(lab: Lab) -> Iterator[Path]:
    """The ledger lies on a file system of 1 MiB of its own."""
    folder = lab.layout.config.parent / "small"
    folder.mkdir()
    options = "size=1m,mode=700,uid=evict,gid=evict"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    own = f'path = "{lab.layout.config.parent}/ledger/ledger.db"'
    try:
        with lab.configured((own, f'path = "{folder}/ledger.db"')):
            yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(folder: Path) -> None:
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))


def test_on_a_full_disk_an_order_is_refused_and_what_is_refused_stays_so(lab: Lab) -> None:
    before, leaver = lab.person(), lab.person()
    with small_disk(lab) as folder:
        assert lab.revoke(before).code == 0
        fill(folder)
        # The ledger takes room for its log ahead, which long reasons use up first.
        crowd = iter([lab.person() for _ in range(15)])
        while (full := lab.revoke(leaver, "--no-wait", "--reason", LONG)).code == 4:
            before, leaver = leaver, next(crowd)
        assert full.code == 75
        assert "was not written: database or disk is full" in full.stderr
        assert lab.status(leaver) == {}
        assert not gets_in(lab, before)
        assert gets_in(lab, leaver)
        subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)
        assert lab.revoke(leaver).code == 0
        assert not gets_in(lab, leaver)


@pytest.mark.parametrize("command", [["revoke", "bob"], ["status"]])
def test_other_users_are_told_that_they_may_not_ask(lab: Lab, command: list[str]) -> None:
    done = subprocess.run(
        as_user("evict-mail", [*EVICT, *command]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment(lab.layout.config)},
        cwd="/",
    )
    assert done.returncode == 77
    assert "not allowed to connect" in done.stderr
    assert "member of the socket's group" in done.stderr
    assert lab.product.run("status").returncode == 0
