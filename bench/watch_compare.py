# SPDX-License-Identifier: Apache-2.0
"""Measures a full comparison of a large directory: `python -m bench.watch_compare [--accounts N]`.

A generated directory server on the same machine is read by the watch itself, over TLS: the first
time, when nothing is remembered, and once more after a restart, when every 200th account was
disabled meanwhile. The ledger is a real one; orders are counted instead of carried out. Memory is
that of the process with the watch, its peak.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.generated_directory import BASE, EACH
from bench.sheet import Row, finish, machine
from evict.config.model import DirectorySection
from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.errors import AccountUnknown
from evict.core.names import login_forms
from evict.core.presence import Presence
from evict.core.secret import Secret
from evict.ledger.service import Ledger
from evict.sources.watch.intake import Left
from evict.sources.watch.shelves import WatchMemory
from evict.sources.watch.watcher import Watcher
from evict.systems.active_directory.connector import ActiveDirectory

HOST: Final = "127.162.9.1"
LONGEST_S: Final = 90.0
MOST_MIB: Final = 300.0
_GIVE_UP_S: Final = 900.0


class Counting:
    """See `sources.watch.intake.Intake`: counts instead of acting."""

    def __init__(self, directory: ActiveDirectory) -> None:
        self._directory = directory
        self.closed: set[str] = set()
        self.troubles: list[str] = []

    def refused_forms(self, account: str) -> frozenset[str] | None:
        del account
        return None

    def login_forms(self, account: Account) -> tuple[str, ...]:
        return login_forms(account)

    async def confirm(self, account: str) -> Account | None:
        try:
            return await self._directory.read(account)
        except AccountUnknown:
            return None

    async def left(self, who: Sequence[Left]) -> None:
        self.closed |= {left.account.id for left in who}

    async def renamed(self, account: Account) -> None:
        raise AssertionError(account.id)

    async def opened(self, presence: Presence) -> bool:
        raise AssertionError(presence.account.id)

    async def touched(self, account: Account) -> None:
        raise AssertionError(account.id)

    async def returned(self, account: Account) -> None:
        raise AssertionError(account.id)

    def trouble(self, key: str, text: str) -> None:
        self.troubles.append(f"{key}: {text}")

    def relieved(self, key: str) -> None:
        del key


class Compared(Struct, frozen=True, kw_only=True):
    """One full comparison."""

    accounts: int
    taken_s: float
    closed: int
    processor_s: float
    peak_mib: float


@contextmanager
def generated(accounts: int, ca_file: Path) -> Iterator[int]:
    """The server; its port."""
    command = [sys.executable, "-m", "bench.generated_directory", "--accounts", str(accounts)]
    with subprocess.Popen(
        [*command, "--host", HOST, "--ca-file", str(ca_file)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


async def compare(folder: Path, port: int) -> Compared:
    """Start the watch, wait until everything is compared, end it."""
    section = DirectorySection(
        servers=(f"{HOST}:{port}",),
        base_dn=BASE,
        bind_user="svc-evict@corp.test",
        password_file=Path("/nowhere"),
        ca_file=folder / "ca.pem",
    )
    directory = ActiveDirectory(section, Secret("any"))
    ledger = await Ledger.open(folder / "ledger.db")
    settings = WatchSection(enabled=True)
    watch, intake = directory.watch(settings), Counting(directory)
    memory = WatchMemory(ledger, directory.name)
    watcher = Watcher(directory.name, watch, intake, memory, lambda: settings)
    wall, processor = time.monotonic(), time.process_time()
    running = asyncio.create_task(watcher.run())
    async with asyncio.timeout(_GIVE_UP_S):
        while watcher.state.compared_at is None and not running.done():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
    taken_s, processor_s = time.monotonic() - wall, time.process_time() - processor
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await watch.close()
    await directory.close()
    await ledger.close()
    assert not intake.troubles, intake.troubles
    return Compared(
        accounts=watcher.state.accounts,
        taken_s=taken_s,
        closed=len(intake.closed),
        processor_s=processor_s,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.watch_compare", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with generated(arguments.accounts, folder / "ca.pem") as port:
            first = asyncio.run(compare(folder, port))
            again = asyncio.run(compare(folder, port))
    left = -(-arguments.accounts // EACH)
    rows = [
        _row("the first comparison", first, whole=first.closed == 0),
        _row(f"again, {left} left meanwhile", again, whole=again.closed == left),
        Row(
            what="memory of the process with the watch, peak",
            reached=f"{again.peak_mib:.0f} MiB",
            to_reach=f"<= {MOST_MIB:.0f} MiB",
            met=again.peak_mib <= MOST_MIB,
        ),
    ]
    result = {"first": first, "again": again}
    told = msgspec.to_builtins(result)
    title = f"A full comparison of {arguments.accounts} accounts, generated directory"
    return finish(title, facts, rows, told, arguments.json)


def _row(what: str, compared: Compared, *, whole: bool) -> Row:
    return Row(
        what=f"{what}: {compared.accounts} records, {compared.closed} left",
        reached=f"{compared.taken_s:.1f} s ({compared.processor_s:.1f} s processor)",
        to_reach=f"<= {LONGEST_S:.0f} s",
        met=compared.taken_s <= LONGEST_S and whole,
    )


if __name__ == "__main__":
    sys.exit(main())
