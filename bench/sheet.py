# SPDX-License-Identifier: Apache-2.0
"""What every benchmark prints: on which machine, what was reached, what was to be reached."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

PACKAGES = ("samba-ad-dc", "dovecot-core", "postfix")


class Row(Struct, frozen=True, kw_only=True):
    """One line. `met` is None for a figure without a target."""

    what: str
    reached: str
    to_reach: str = ""
    met: bool | None = None


def machine() -> dict[str, Any]:
    """The load is that of the moment it is called: call it before the work."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": models[0] if models else platform.processor(),
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Debian's versions of the servers."""
    said = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, p99 and the worst; the p99 of less than a hundred is the worst."""
    ordered = sorted(values)
    p99 = statistics.quantiles(ordered, n=100)[98] if len(ordered) >= 100 else ordered[-1]
    return {
        "p50": round(statistics.median(ordered), 3),
        "p99": round(p99, 3),
        "worst": round(ordered[-1], 3),
    }


def finish(
    title: str, facts: dict[str, Any], rows: Sequence[Row], result: object, to: Path | None
) -> int:
    """Print the table, write every figure where asked; the exit code: 1 where one is missed."""
    print(title)
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    for row in rows:
        said = {True: "yes", False: "NO", None: ""}[row.met]
        print(f"{row.what:<62} {row.reached:<42} {row.to_reach:<24} {said}")
    if to is not None:
        whole = {"benchmark": title, "machine": facts, "result": result}
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(json.dumps(whole, indent=2) + "\n")
    return 1 if any(row.met is False for row in rows) else 0
