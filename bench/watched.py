# SPDX-License-Identifier: Apache-2.0
"""Measures closings that nobody ordered: `python -m bench.watched [--closings N]`.

As root. An administrator disables an account in the directory, with the directory's own tool, and
nothing else; four connections log in as that account without pause, and one live session is used on
every protocol. Counted is from the moment the change is handed to that tool, which is before the
directory has written it, to the leaver's last success on any door. Before that the watch is left
alone, and the processor time of the whole control plane is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from bench.closings import HELD, SHUT_S, survivors_and_bystanders
from bench.estate_rig import BYSTANDERS, IP, fresh_estate, survivors, wait_for_storm
from bench.sheet import Row, finish, machine, spread, versions
from estate import ldif, people
from estate.clients.holder import Held, Holder
from estate.clients.leaver import LeaverClients
from estate.commands import EstateError
from estate.layout import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, LDAPS, Layout
from estate.people import Person
from estate.product import Product, running

IDLE_S: Final = 30.0
_PROVEN_S: Final = 30.0
WATCHED: Final = """# SPDX-License-Identifier: Apache-2.0
[watch]
enabled = true

[guard]
an_hour = 100000
a_minute = 100000
all_sources_an_hour = 100000
"""


class Watched(Struct, frozen=True, kw_only=True):
    """One leaver; milliseconds from the change to the directory, negative before it.

    Attributes:
        last_success_ms: door -> the leaver's own last success.
        survivors: doors that still worked at the end.
        verdict: what `evict status` says of the case.
    """

    account: str
    last_success_ms: dict[str, float]
    survivors: tuple[str, ...]
    verdict: str

    @property
    def last_ms(self) -> float:
        return max(self.last_success_ms.values())


class Administrator:
    """One ldapmodify that is bound already, so that its start is not counted.

    stdbuf(1) makes it say what it begins when it begins it, and not at its end.
    """

    def __init__(self, layout: Layout) -> None:
        self._process = subprocess.Popen(
            [
                *("stdbuf", "-oL", "ldapmodify", "-x", "-H", f"ldaps://{layout.ip}:{LDAPS}"),
                *("-D", ADMINISTRATOR, "-w", ADMINISTRATOR_PASSWORD),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LDAPTLS_CACERT": str(layout.ca), "LDAPTLS_REQCERT": "demand"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def disable(self, someone: Person) -> int:
        """Set ACCOUNTDISABLE; when it was handed over (time.time_ns)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        handed_ns = time.time_ns()
        self._process.stdin.write(ldif.modify(someone.dn, {"userAccountControl": "514"}) + "\n")
        self._process.stdin.flush()
        while not self._process.stdout.readline().strip():
            if self._process.poll() is not None:
                raise EstateError("ldapmodify ended")
        return handed_ns


def close_all(layout: Layout, leavers: list[Person], pool: ThreadPoolExecutor) -> list[Watched]:
    closed: list[Watched] = []
    ending: list[Future[None]] = []
    coming = pool.submit(LeaverClients, layout, leavers[0])
    for number, leaver in enumerate(leavers, 1):
        clients = coming.result().start()
        wait_for_storm(clients)
        with Administrator(layout) as administrator:
            time.sleep(0.2)  # its bind
            handed_ns = administrator.disable(leaver)
        clients.wait_shut(SHUT_S)
        if number < len(leavers):
            coming = pool.submit(LeaverClients, layout, leavers[number])
        closed.append(
            Watched(
                account=leaver.name,
                last_success_ms={
                    t.door: round((t.last_success_ns - handed_ns) / 1e6, 3)
                    for t in clients.tracks
                    if t.last_success_ns is not None
                },
                survivors=survivors(clients),
                verdict="",
            )
        )
        ending.append(pool.submit(clients.stop))
        print(_line(number, closed[-1]), flush=True)
    for each in ending:
        each.result()
    return closed


def _line(number: int, one: Watched) -> str:
    door = max(one.last_success_ms, key=lambda name: one.last_success_ms[name])
    return (
        f"{number:4} {one.account:16} last success {one.last_ms:7.1f} ms ({door}),"
        f" survivors {len(one.survivors)}"
    )


def verdicts(product: Product, closed: list[Watched]) -> list[Watched]:
    """What the cases came to, once all are at rest."""
    until = time.monotonic() + _PROVEN_S
    while True:
        told = json.loads(product.evict("status", "--json"))
        said = {row["label"].partition("@")[0]: row["verdict"] for row in told["accounts"]}
        found = [msgspec.structs.replace(c, verdict=said.get(c.account, "none")) for c in closed]
        if all(c.verdict == "shut" for c in found) or time.monotonic() > until:
            return found
        time.sleep(0.5)


def idle_cpu(product: Product) -> float:
    """Percent of one core that the control plane takes while nothing happens."""
    assert product.serve is not None
    before = _cpu_s(product.serve.pid)
    time.sleep(IDLE_S)
    return (_cpu_s(product.serve.pid) - before) / IDLE_S * 100


def _cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5), /proc/pid/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched(layout: Layout) -> Iterator[Product]:
    folder = layout.config.parent / "conf.d"
    folder.mkdir(exist_ok=True)
    (folder / "watch.toml").write_text(WATCHED)
    with running(layout) as product:
        until = time.monotonic() + _PROVEN_S
        while not json.loads(product.evict("watch", "--once", "--json"))["compared_at"]:
            if time.monotonic() > until:
                raise EstateError("the directory is not watched")
            time.sleep(0.1)
        yield product


def table(closed: list[Watched], held: Held, cpu: float) -> list[Row]:
    count = len(closed)
    last = spread([c.last_ms for c in closed])
    alive = sum(bool(c.survivors) for c in closed)
    shut = sum(c.verdict == "shut" for c in closed)
    return [
        Row(
            what=f"the directory's disable to the last success on any door, {count} closings",
            reached="p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**last),
            to_reach="p50 <= 150, worst <= 600 ms",
            met=last["p50"] <= 150 and last["worst"] <= 600,
        ),
        Row(
            what=f"processor time of the whole control plane at rest, {IDLE_S:.0f} s",
            reached=f"{cpu:.1f} % of one core",
            to_reach="<= 5 %",
            met=cpu <= 5,
        ),
        *survivors_and_bystanders(alive, count, held),
        Row(
            what="closings proven shut",
            reached=f"{shut} of {count}",
            to_reach="all",
            met=shut == count,
        ),
    ]


def measure(layout: Layout, count: int) -> tuple[list[Watched], Held, float]:
    stamp = f"{int(time.time()):x}"[-5:]
    bystanders = [people.person(name) for name in BYSTANDERS]
    with fresh_estate(layout), watched(layout) as product, ThreadPoolExecutor(8) as pool:
        cpu = idle_cpu(product)
        leavers = people.create_many(layout, [f"d{stamp}-{n:03}" for n in range(count)])
        with Holder(layout, bystanders, HELD) as holder:
            closed = close_all(layout, leavers, pool)
            return verdicts(product, closed), holder.check(), cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closings", type=int, default=50)
    parser.add_argument("--ip", default=IP, help="address of the estate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts: dict[str, Any] = {**machine(), **versions()}
    try:
        closed, held, cpu = measure(Layout.at(options.ip), options.closings)
    except EstateError as error:
        print(f"watched: {error}")
        return 1
    rows = table(closed, held, cpu)
    result = msgspec.to_builtins({"closings": closed, "held": held, "cpu": cpu, "rows": rows})
    return finish("the directory watch on the real estate", facts, rows, result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
