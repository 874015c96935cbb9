# SPDX-License-Identifier: Apache-2.0
"""Measures the durable append: `python -m bench.ledger [--folder FOLDER]`.

One entry appended by the real store, and one fdatasync of as many bytes as that writes, on the
same file system and in turns, so that what else the disk does falls on both. Two floors: a file
that grows with each write, as a log does; and one laid out beforehand, as the ledger's own is,
where the file system has the least to do.
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


def floor_us(file: int, number: int, *, grows: bool) -> float:
    place = number if grows else number % (LOG_BYTES // len(FRAMES))
    offset = place * len(FRAMES)
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


def measure(folder: Path, samples: int) -> tuple[list[float], list[float], list[float]]:
    """Microseconds of each fdatasync, growing and in place, and of each append, in turns."""
    growing, floors, appends = [], [], []
    with LedgerStore(folder / "ledger.db") as store:
        file = os.open(folder / "floor", os.O_CREAT | os.O_WRONLY, 0o600)
        longer = os.open(folder / "growing", os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.pwrite(file, bytes(LOG_BYTES), 0)
            os.fsync(file)
            for number in range(samples):
                growing.append(floor_us(longer, number, grows=True))
                floors.append(floor_us(file, number, grows=False))
                appends.append(append_us(store, number))
                if store.database.checkpoint_due:
                    store.database.checkpoint()
        finally:
            os.close(file)
            os.close(longer)
    return growing, floors, appends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=3000)
    parser.add_argument("--folder", type=Path, help="on the file system to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="evict-bench-", dir=options.folder) as folder:
        growing, floors, appends = measure(Path(folder), options.samples)
    grown, floor, append = spread(growing), spread(floors), spread(appends)
    rows = [
        _against("a file that grows", grown, append),
        _against("a file laid out beforehand", floor, append),
        Row(
            what="p99: append / growing / laid out",
            reached=f"{append['p99']:.0f}/{grown['p99']:.0f}/{floor['p99']:.0f} us",
        ),
    ]
    result = {"growing_us": grown, "laid_out_us": floor, "append_us": append}
    return finish("the ledger's durable append", facts, rows, result, options.json)


def _against(name: str, floor: dict[str, float], append: dict[str, float]) -> Row:
    ratio = append["p50"] / floor["p50"]
    return Row(
        what=f"durable append of one entry against one fdatasync of {name}, p50",
        reached=f"{ratio:.2f} x ({append['p50']:.0f}/{floor['p50']:.0f} us)",
        to_reach="<= 1.3 x",
        met=ratio <= 1.3,
    )


if __name__ == "__main__":
    raise SystemExit(main())
