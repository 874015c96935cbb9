# SPDX-License-Identifier: Apache-2.0
"""The ordinary way at the web doors: the account is disabled, and they go on."""

from __future__ import annotations

import time
from typing import Final

from estate import layout as at
from estate import mailbox, people
from estate.clients.leaver import LeaverClients
from estate.clients.phone import PhonePing
from estate.clients.web_doors import web_clients
from estate.layout import Layout
from estate.people import Person
from estate.plain import WATCH_S, Left, left_of, print_left

LATE_MAIL: Final = "activesync-ping mail come later"
"""The door by which a mail reaches the phone that came when the account was disabled already."""
PING_S: Final = 12.0
"""SOGo looks each 5 s whether there is something for a phone that waits."""


def show_plain_web_disable(
    layout: Layout, leaver: Person, front: int = at.HAPROXY, watch_s: float = WATCH_S
) -> list[Left]:
    """Disable, keep using every web door, and print what stays open."""
    with web_clients(layout, leaver, front) as clients:
        _used_once(clients)
        people.disable(layout, leaver)
        disabled_ns = time.time_ns()
        before = {track.door: track.successes for track in clients.tracks}
        subject = f"Salaries {disabled_ns}"
        mailbox.deliver(layout, leaver, subject)
        came = _reached_the_phone(clients, subject)
        time.sleep(max(0.0, watch_s - (time.time_ns() - disabled_ns) / 1e9))
        left = [left_of(track, before[track.door], disabled_ns) for track in clients.tracks]
    left.append(Left(door=LATE_MAIL, open=came, successes_after=int(came)))
    print_left(left)
    return left


def _used_once(clients: LeaverClients) -> None:
    """Wait until each client has done something; one that fails does not hold the others up."""
    until = time.monotonic() + PING_S
    while time.monotonic() < until and not all(
        track.successes or track.first_failure_ns for track in clients.tracks
    ):
        time.sleep(0.05)


def _reached_the_phone(clients: LeaverClients, subject: str) -> bool:
    """Whether the phone's Ping reports the mail and its Sync brings the body."""
    until = time.monotonic() + PING_S
    while time.monotonic() < until:
        for session in clients.live:
            if isinstance(session, PhonePing) and any(
                mail.subject == subject and mail.body for mail in session.received
            ):
                return True
        time.sleep(0.05)
    return False
