# SPDX-License-Identifier: Apache-2.0
"""What the demonstrations tell of a leaving, on the embedded organisation and on real servers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct


class Seen(Struct, frozen=True, kw_only=True):
    """What one of the leaver's own clients saw, milliseconds from the commit.

    Attributes:
        door: the door in Evict's spelling that this client used.
    """

    client: str
    door: str
    last_success_ms: float | None
    first_refusal_ms: float | None


class Revoked(Struct, frozen=True, kw_only=True):
    """What came of the command.

    Attributes:
        report: the account's part of `evict revoke --json`.
        survivors: clients that still worked at the end.
        evidence: the copy in the build folder.
    """

    exit_code: int
    report: dict[str, Any]
    leaver_saw: list[Seen]
    survivors: tuple[str, ...]
    evidence: Path


def command() -> str:
    """How `evict` is typed here: by its name where a shell finds it, else by its path."""
    if shutil.which("evict"):
        return "evict"
    path = Path(sys.executable).parent / "evict"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def door_name(door: dict[str, Any]) -> str:
    """`system/protocol/credential` of a door of the report."""
    parts = door["door"]
    return f"{parts['system']}/{parts['protocol']}/{parts['credential']}"


def write_summary(
    build: Path, revoked: Revoked, held: int, dropped: int, plain: Sequence[Struct]
) -> Path:
    """`summary.json`: the second leaver's doors, the bystanders, and the first leaver's beside.

    Args:
        held: other people's sessions that were in use.
        dropped: those of them that were disturbed.
    """
    report = revoked.report
    doors = [
        {
            "door": door_name(door),
            "system": door["door"]["system"],
            "protocol": door["door"]["protocol"],
            "verdict": door["judgement"],
            "nature": door["nature"],
            "rests_on": door["rests_on"],
            "predicted_s": door["predicted_s"],
            "last_success_ms": door["last_success_ms"],
            "first_refusal_ms": door["first_refusal_ms"],
        }
        for door in report["doors"]
    ]
    summary = {
        "account": report["label"],
        "account_id": report["account"],
        "verdict": report["verdict"],
        "exit_code": revoked.exit_code,
        "commit_at": report["commit_at"],
        "proven_ms": report["proven_ms"],
        "doors": doors,
        "leaver_saw": revoked.leaver_saw,
        "survivors": revoked.survivors,
        "bystanders": {"held": held, "dropped": dropped},
        "plain": plain,
        "evidence": str(revoked.evidence),
    }
    path = build / "summary.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    return path
