# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the web doors count, and their tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from subprocess import CompletedProcess
from typing import Any

from msgspec import Struct

from bench.sheet import Row, spread
from bench.web_bystanders import Undisturbed
from bench.web_fine import DOORS, Ping
from bench.web_volley import Fine
from estate.clients.leaver import Track
from estate.commands import EstateError


class Fineness(Struct, frozen=True, kw_only=True):
    """One door that was asked at a fixed pace; milliseconds from the commit.

    Attributes:
        last_success_ms: negative where it was before the commit.
        asked_ms: when the request was sent that was refused first.
        refusal_ms: when its answer came.
        gap_ms: median time between two requests.
    """

    door: str
    last_success_ms: float
    asked_ms: float
    refusal_ms: float
    gap_ms: float
    successes: int


class Refusing(Struct, frozen=True, kw_only=True):
    """How one leaver was refused.

    Attributes:
        load: of the machine, averaged over the last minute, when the command ended.
        fine: the door that was asked at a fixed pace.
        ping_ms: from the commit to the end of the held Ping; None where none was held then.
        ping_text: how it ended.
    """

    load: float
    fine: Fineness
    ping_ms: float | None
    ping_text: str


class Closing(Refusing, frozen=True, kw_only=True):
    """One leaver with everything beside.

    Attributes:
        last_success_ms: door -> last success of the clients that pause, from the commit on.
        first_refusal_ms: door -> when the first refusal's answer came.
        mails_before: mails that reached clients before the refusal.
        late_mails: sent after the first refusal on any door, and arrived in the mailbox.
        late_bytes: of mails that reached a client after its own first refusal, or at all if sent
            after the first refusal on any door.
        after: requests that were let in after a refusal at the same client.
    """

    account: str
    exit_code: int
    verdict: str
    command_s: float
    last_success_ms: dict[str, float]
    first_refusal_ms: dict[str, float]
    mails_before: int
    late_mails: int
    late_bytes: int
    after: int

    @property
    def never_refused(self) -> tuple[str, ...]:
        every = {*self.last_success_ms} - {*self.first_refusal_ms}
        if not self.fine.successes or self.fine.refusal_ms == float("inf"):
            every.add(f"fine {self.fine.door}")
        return tuple(sorted(every))


def since(commit_ns: int, tracks: tuple[Track, ...], what: str) -> dict[str, float]:
    found = {track.door: getattr(track, what) for track in tracks}
    return {door: _ms(at_ns, commit_ns) for door, at_ns in found.items() if at_ns is not None}


def _ms(at_ns: int, commit_ns: int) -> float:
    return round((at_ns - commit_ns) / 1e6, 3)


def fineness(one: Fine, commit_ns: int) -> Fineness:
    return Fineness(
        door=one.door,
        last_success_ms=_ms(one.last_success_ns, commit_ns),
        asked_ms=_ms(one.refusal_began_ns, commit_ns) if one.refusal_ns else float("inf"),
        refusal_ms=_ms(one.refusal_ns, commit_ns) if one.refusal_ns else float("inf"),
        gap_ms=round(one.gap_ns / 1e6, 3),
        successes=one.successes,
    )


def ping_ms(ping: Ping, commit_ns: int) -> float | None:
    """Infinite where it never ended; None where none was held at the commit."""
    if not ping.ended_ns:
        return float("inf")
    return _ms(ping.ended_ns, commit_ns) if 0 < ping.begun_ns < commit_ns else None


def commit_of(done: CompletedProcess[str]) -> tuple[dict[str, Any], int]:
    """The report of the one account, and its commit, UTC, of time.time_ns."""
    accounts = json.loads(done.stdout or "{}").get("accounts")
    if not accounts:
        raise EstateError(f"evict revoke ended with code {done.returncode}: {done.stderr}")
    report: dict[str, Any] = accounts[0]
    return report, round(datetime.fromisoformat(report["commit_at"]).timestamp() * 1e6) * 1000


def table(closings: list[Closing], others: Undisturbed) -> list[Row]:
    total = len(closings)
    leaked = sum(c.late_bytes for c in closings)
    late = sum(c.late_mails for c in closings)
    after = sum(c.after for c in closings)
    shut = sum(c.exit_code == 0 and not c.never_refused for c in closings)
    return [
        *refusal_rows(closings),
        ping_row(closings),
        Row(
            what=f"bytes of {late} mails delivered after the refusal that came through",
            reached=f"{leaked} ({sum(c.mails_before for c in closings)} mails came before)",
            to_reach="0",
            met=leaked == 0 and late >= total,
        ),
        Row(
            what="leaver's requests let in after a refusal at the same client",
            reached=f"{after}",
            to_reach="0",
            met=after == 0,
        ),
        Row(
            what=f"bystanders: of {others.requests} uses, {others.sign_ins} sign-ins failed",
            reached=f"{others.failed}; {others.held} sessions",
            to_reach="0",
            met=others.failed == 0,
        ),
        Row(
            what=f"  of their {others.connections} connections at HAProxy ended",
            reached=f"{others.connections_lost}",
            to_reach="0",
            met=others.connections_lost == 0,
        ),
        Row(
            what="closings proven shut (exit code 0), every door refused",
            reached=f"{shut} of {total}",
            to_reach="all",
            met=shut == total,
        ),
        Row(
            what="the command, start to proven",
            reached="p50 {p50:.2f}, p99 {p99:.2f}, worst {worst:.2f} s".format(
                **spread([c.command_s for c in closings])
            ),
        ),
        *_paused(closings),
    ]


def refusal_rows(closings: Sequence[Refusing]) -> list[Row]:
    every = [closing.fine for closing in closings]
    asked = {"any of these doors": every}
    asked |= {door: [fine for fine in every if fine.door == door] for door in DOORS}
    rows = []
    for door, of_door in asked.items():
        if not of_door:
            continue
        refused = spread([fine.refusal_ms for fine in of_door])
        gap = spread([fine.gap_ms for fine in of_door])["p50"]
        rows.append(
            Row(
                what=f"commit to refusal: {door} ({len(of_door)}; one each {gap:.1f} ms)",
                reached="p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**refused),
                to_reach="p50 <= 5, p99 <= 50 ms",
                met=refused["p50"] <= 5 and refused["p99"] <= 50,
            )
        )
        last = spread([fine.last_success_ms for fine in of_door])
        said = "p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**last)
        rows.append(Row(what="  last success there", reached=said))
    return rows


def ping_row(closings: Sequence[Refusing]) -> Row:
    held = [c.ping_ms for c in closings if c.ping_ms is not None]
    if not held:
        return Row(what="no Ping was held", reached="0", to_reach="p99 <= 50 ms", met=False)
    ended = spread(held)
    return Row(
        what=f"commit to the end of a held Ping (held in {len(held)} of {len(closings)})",
        reached="p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**ended),
        to_reach="p99 <= 50 ms",
        met=ended["p99"] <= 50,
    )


def _paused(closings: list[Closing]) -> list[Row]:
    rows = []
    for door in closings[0].last_success_ms:
        last = spread([c.last_success_ms[door] for c in closings if door in c.last_success_ms])
        said = "p50 {p50:.1f}, p99 {p99:.1f}, worst {worst:.1f} ms".format(**last)
        rows.append(Row(what=f"  last success, with pauses: {door}", reached=said))
    ways = Counter(c.ping_text[:60] for c in closings)
    rows.append(Row(what="  how the Ping ended", reached=str(dict(ways))))
    return rows
