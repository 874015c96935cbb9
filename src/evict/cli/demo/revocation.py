# SPDX-License-Identifier: Apache-2.0
"""The same with Evict: one command while the leaver's programs run, and what they saw."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from evict.cli import story
from evict.cli.demo.clients import Clients, Track
from evict.cli.demo.processes import evict
from evict.cli.story import Seen, door_name
from evict.core.endpoint import Endpoint
from evict.lab.estate.people import Person

_PAUSE_S: Final = 0.02
_SETTLE_S: Final = 0.3


class Revoked(story.Revoked, frozen=True, kw_only=True):
    """Attributes: `contradictions`: survivors whose door the report calls shut."""

    contradictions: tuple[str, ...]


async def revoke(
    person: Person, domain: str, endpoints: Sequence[Endpoint], config: Path, build: Path
) -> Revoked:
    """Run `evict revoke`; ask the leaver's programs after it."""
    clients = Clients(person, domain)
    await clients.open(endpoints)
    clients.keep_using(_PAUSE_S)
    try:
        await asyncio.sleep(_SETTLE_S)
        arguments = ("revoke", person.upn(domain), "--reason", "left the company", "--allow-bounce")
        code, answer = await evict(*arguments, environment=_environment(config))
        await asyncio.sleep(_SETTLE_S)
    finally:
        await clients.stop()
    report = answer["accounts"][0]
    commit = datetime.fromisoformat(report["commit_at"])
    return Revoked(
        exit_code=code,
        report=report,
        leaver_saw=[_seen(track, commit) for track in clients.tracks],
        survivors=tuple(t.label for t in clients.tracks if t.outcome.open),
        contradictions=tuple(
            t.label for t in clients.tracks if t.outcome.open and t.door in _shut(report)
        ),
        evidence=_keep(Path(report["evidence"]), config, build),
    )


def _shut(report: dict[str, Any]) -> set[str]:
    return {door_name(door) for door in report["doors"] if door["judgement"] == "shut"}


def _environment(config: Path) -> dict[str, str]:
    return {"EVICT_CONFIG": str(config)}


def _seen(track: Track, commit: datetime) -> Seen:
    return Seen(
        client=track.label,
        door=track.door,
        last_success_ms=_ms(track.last_success, commit),
        first_refusal_ms=_ms(track.first_refusal, commit),
    )


def _ms(at: datetime | None, commit: datetime) -> float | None:
    return None if at is None else round((at - commit).total_seconds() * 1000, 3)


def _keep(evidence: Path, config: Path, build: Path) -> Path:
    kept = build / "evidence.dsse.json"
    shutil.copyfile(evidence, kept)
    shutil.copyfile(config.parent / "keys" / "evidence.pub", build / "evidence.pub")
    return kept
