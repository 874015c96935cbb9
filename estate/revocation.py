# SPDX-License-Identifier: Apache-2.0
"""The main job on the second leaver: the command as a person types it, and what the leaver saw."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from estate.clients.ticket_file import take_ticket
from estate.clients.together import Clients
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.product import CONTROL_USER, Product, public_key
from estate.run_as import EVICT, as_user, environment
from evict.cli.story import Revoked, Seen, door_name

_TIMEOUT_S: Final = 90
_WEB: Final = {
    "sogo-web": ("sogo", "sogo-web", False),
    "roundcube-web": ("roundcube", "roundcube-web", False),
    "activesync": ("sogo", "activesync", False),
    "activesync-ping": ("sogo", "activesync", False),
    "caldav": ("sogo", "caldav", True),
    "carddav": ("sogo", "carddav", True),
}
"""Client -> system and protocol of its door, and whether each of its requests signs in."""


def show_revocation(
    layout: Layout, product: Product, leaver: Person, clients: Clients, build: Path
) -> Revoked:
    """Run `evict revoke`, its progress on this terminal, then ask the leaver's own clients."""
    ticket = take_ticket(layout, leaver, owner=CONTROL_USER)
    arguments = ["revoke", leaver.upn, "--reason", "left the company", "--witness"]
    arguments += ["--witness-ccache", str(ticket), "--json"]
    done = subprocess.run(
        as_user(CONTROL_USER, [*EVICT, *arguments]),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment(layout.config)},
        cwd="/",
        timeout=_TIMEOUT_S,
    )
    answer = json.loads(done.stdout or "{}")
    if not answer.get("accounts"):
        raise EstateError(f"evict revoke ended with code {done.returncode} and no report")
    report = answer["accounts"][0]
    clients.wait_shut(10.0)
    commit_ns = _ns(report["commit_at"])
    saw = [
        Seen(
            client=track.door,
            door=_door(track.door),
            last_success_ms=_ms(track.last_success_ns, commit_ns),
            first_refusal_ms=_ms(track.first_failure_began_ns, commit_ns),
        )
        for track in clients.tracks
    ]
    _print(report, saw)
    evidence = _keep(layout, Path(report["evidence"]), build)
    verified = product.evict("verify", report["evidence"], "--key", str(public_key(layout)))
    print("   evict verify, with the public key alone:")
    for line in verified.splitlines()[:2]:
        print(f"   {line}", flush=True)
    return Revoked(
        exit_code=done.returncode,
        report=report,
        leaver_saw=saw,
        survivors=clients.survivors(),
        evidence=evidence,
    )


def _door(client: str) -> str:
    """`imap live` used dovecot/imap/session, `caldav new 2` sogo/caldav/password."""
    protocol, kind, *_ = client.split(" ")
    if protocol in _WEB:
        system, protocol, signs_in = _WEB[protocol]
        credential = "session" if kind == "live" and not signs_in else "password"
        return f"{system}/{protocol}/{credential}"
    protocol, _, how = protocol.partition("-")
    system = "postfix" if protocol == "submission" else "dovecot"
    credential = {"live": "session", "new": "password"}[kind]
    return f"{system}/{protocol}/{'ticket' if how == 'kerberos' else credential}"


def _print(report: dict[str, Any], saw: list[Seen]) -> None:
    print(f"   {report['label']}: {report['verdict']}; every door as Evict saw it:")
    for door in report["doors"]:
        name = door_name(door)
        word = door["judgement"] if door["nature"] == "provable" else door["nature"]
        print(
            f"   {name:34} {word:13} last success {_text(door['last_success_ms'])},"
            f" first refusal {_text(door['first_refusal_ms'])}"
        )
    print("   and as the leaver's own mail programs saw it, without Evict's word; a refused try")
    print("   counts from when it began, which may be before the order:")
    for each in saw:
        print(
            f"   {each.client:34} {'':13} last success {_text(each.last_success_ms)},"
            f" first refused try {_text(each.first_refusal_ms)}"
        )


def _text(value: float | None) -> str:
    return "         -" if value is None else f"{value:7.1f} ms"


def _ns(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1_000_000) * 1000


def _ms(at_ns: int | None, commit_ns: int) -> float | None:
    return None if at_ns is None else round((at_ns - commit_ns) / 1e6, 3)


def _keep(layout: Layout, evidence: Path, build: Path) -> Path:
    kept = build / "evidence.dsse.json"
    shutil.copyfile(evidence, kept)
    shutil.copyfile(public_key(layout), build / "evidence.pub")
    return kept
