# SPDX-License-Identifier: Apache-2.0
"""The same closings with nothing beside them: `python -m bench.web_calm [--closings N]`.

As root. No bystanders, no mail, no clients that pause: only those that ask without rest, and the
held Ping. What this measures is the way from the ledger to HAProxy, without waiting for a CPU
behind SOGo's own work.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec

from bench.estate_rig import fresh_estate
from bench.sheet import finish, machine, versions
from bench.web import IP, PACKAGES
from bench.web_fine import DEAR, FineClients
from bench.web_sheet import Refusing, commit_of, fineness, ping_ms, ping_row, refusal_rows
from estate import mailbox, people
from estate.clients.web_doors import use_first
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.product import Product, running
from estate.web.hooks import in_force

REST_S = 2.0
"""Between two closings, so that what the last one began is over."""


def measure(layout: Layout, number: int) -> list[Refusing]:
    stamp = f"{int(time.time()):x}"[-5:]
    with fresh_estate(layout), in_force(layout), running(layout) as product:
        leavers = people.create_many(layout, [f"q{stamp}-{n:03}" for n in range(number)])
        for each in leavers:
            mailbox.deliver(layout, each, "Welcome")
        use_first(layout, leavers)
        return [
            _close(layout, product, leaver, dear, at)
            for at, (leaver, dear) in enumerate(zip(leavers, cycle(DEAR), strict=False))
        ]


def _close(layout: Layout, product: Product, leaver: Person, dear: str, at: int) -> Refusing:
    hosts = layout.leaver_network
    fine = FineClients(layout, leaver, dear, (str(hosts[2 * at + 1]), str(hosts[2 * at + 2])))
    try:
        fine.wait_ready()
        time.sleep(REST_S)
        fine.go()
        load = os.getloadavg()[0]
        done = product.run("revoke", leaver.upn, "--json", "--reason", "benchmark")
        _, commit_ns = commit_of(done)
        seen, ping = fine.result()
    finally:
        fine.stop()
    one = Refusing(
        load=round(load, 2),
        fine=tuple(fineness(each, commit_ns) for each in seen),
        ping_ms=ping_ms(ping, commit_ns),
        ping_text=ping.text,
    )
    print(json.dumps(msgspec.to_builtins(one)), flush=True)
    return one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closings", type=int, default=25)
    parser.add_argument("--ip", default=IP, help="address of the estate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts: dict[str, Any] = {**machine(), **versions(PACKAGES)}
    try:
        closings = measure(Layout.at(options.ip, web=True), options.closings)
    except EstateError as error:
        print(f"web_calm: {error}")
        return 1
    facts["load_worst"] = max(c.load for c in closings)
    rows = [*refusal_rows(closings), ping_row(closings)]
    result = msgspec.to_builtins({"closings": closings, "rows": rows})
    return finish("closings at the web doors, nothing beside", facts, rows, result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
