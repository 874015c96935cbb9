# SPDX-License-Identifier: Apache-2.0
"""Measures the durable append: `python -m bench.ledger [--folder FOLDER]`.

One entry appended by the real store, and one fdatasync of as many bytes as that writes, at the
next place of a file laid out beforehand as the ledger's log is; on the same file system and in
turns, so that what else the disk does falls on both.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from bench.sheet import Row, finish, machine, spread
from evict.core.revocation import Kind, Personal
from evict.ledger.database import LOG_BYTES
from evict.ledger.order import LedgerOrder
from evict.ledger.store import LedgerStore

FRAMES = bytes(2 * (24 + 4096))
"""What an append writes: a page of the chain and one of the names, each behind its frame's header.

Spec: SQLite file format section 4.1.
"""


def floor_us(file: int, number: int) -> float:
    offset = number % (LOG_BYTES // len(FRAMES)) * len(FRAMES)
    begun = time.perf_counter_ns()
    os.pwrite(file, FRAMES, offset)
    os.fdatasync(file)
    return (time.perf_counter_ns() - begun) / 1e3


def append_us(store: LedgerStore, number: int) -> float:
    name = f"leaver{number}@corp.test"
    order = LedgerOrder(
        kind=Kind.REVOCATION,
        account=f"6f1c2a34-0000-4000-8000-{number:012}",
        request=f"request-{number}",
        personal=Personal(label=name, forms=(name, f"leaver{number}", f"corp\\leaver{number}")),
    )
    begun = time.perf_counter_ns()
    store.append(order)
    return (time.perf_counter_ns() - begun) / 1e3


def measure(folder: Path, samples: int) -> tuple[list[float], list[float]]:
    """Microseconds of each fdatasync and of each append; checkpoints are made between them."""
    floors, appends = [], []
    with LedgerStore(folder / "ledger.db") as store:
        file = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.pwrite(file, bytes(LOG_BYTES), 0)
            os.fsync(file)
            for number in range(samples):
                floors.append(floor_us(file, number))
                appends.append(append_us(store, number))
                if store.database.checkpoint_due:
                    store.database.checkpoint()
        finally:
            os.close(file)
    return floors, appends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--folder", type=Path, help="on the file system to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="evict-bench-", dir=options.folder) as folder:
        floors, appends = measure(Path(folder), options.samples)
    floor, append = spread(floors), spread(appends)
    ratio = append["p50"] / floor["p50"]
    said = f"{ratio:.2f} x ({append['p50']:.0f}/{floor['p50']:.0f} us)"
    tail = f"{append['p99']:.0f}/{floor['p99']:.0f} us"
    rows = [
        Row(
            what="durable append of one entry against one fdatasync, p50",
            reached=said,
            to_reach="<= 1.3 x",
            met=ratio <= 1.3,
        ),
        Row(what="the same, p99", reached=tail),
    ]
    result = {"fdatasync_us": floor, "append_us": append, "ratio_p50": round(ratio, 3)}
    return finish("the ledger's durable append", facts, rows, result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
