# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from evict.cli.demo.plain import Left
from evict.cli.demo.revocation import Revoked


def write_summary(
    build: Path, revoked: Revoked, held: int, dropped: int, plain: Sequence[Left]
) -> Path:
    """`summary.json`, in the form of the real estate's: `_model_s` are the organisation's."""
    report = revoked.report
    doors = [
        {
            "door": "/".join(door["door"][part] for part in ("system", "protocol", "credential")),
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
