# SPDX-License-Identifier: Apache-2.0
"""How long `evict lab compare` takes, all recipes, as a command on two processes.

What it says is modelled; only the time and the memory it takes are measured here.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.sheet import Row, finish, machine

LONGEST_S = 120.0
PROCESSES = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 runs instead of 200")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    facts = machine()
    runs = 20 if arguments.quick else 200
    taken_s, told = compared(runs)
    recipes = [recipe for recipe in told["recipes"] if not recipe["not_possible"]]
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    complete = {recipe["runs"] for recipe in recipes} == {runs}
    rows = [
        Row(
            what=f"{len(recipes)} recipes, {runs} runs each, {PROCESSES} processes",
            reached=f"{taken_s:.1f} s",
            to_reach=f"<= {LONGEST_S * runs / 200:.0f} s",
            met=taken_s <= LONGEST_S * runs / 200 and complete,
        ),
        Row(what="memory of the largest process", reached=f"{peak_mib:.0f} MiB"),
    ]
    result = {"runs": runs, "recipes": len(recipes), "taken_s": taken_s, "peak_mib": peak_mib}
    return finish("Recipes compared, embedded organisation", facts, rows, result, arguments.json)


def compared(runs: int) -> tuple[float, dict[str, Any]]:
    """Seconds from the command's start to its end, and what it said."""
    command = [sys.executable, "-m", "evict", "lab", "compare", "--json"]
    begun = time.monotonic()
    done = subprocess.run(
        [*command, "--runs", str(runs), "--processes", str(PROCESSES)],
        check=True,
        capture_output=True,
    )
    return time.monotonic() - begun, json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
