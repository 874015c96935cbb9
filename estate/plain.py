# SPDX-License-Identifier: Apache-2.0
"""The ordinary way: the account is disabled in the directory, and every door is tried again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from estate import mailbox, people
from estate.clients.leaver import LeaverClients, Track
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person

WATCH_S: Final = 4.0
"""How long the doors are watched after the disable."""


class Left(Struct, frozen=True, kw_only=True):
    """One door after the plain disable.

    Attributes:
        open: it let the leaver in after the directory had answered that the account is disabled.
        successes_after: how many tries worked in the watched time.
    """

    door: str
    open: bool
    successes_after: int


def show_plain_disable(layout: Layout, leaver: Person) -> list[Left]:
    """Disable, keep using every door, and print what stays open."""
    with LeaverClients(layout, leaver) as clients:
        time.sleep(1.0)
        people.disable(layout, leaver)
        disabled_ns = time.time_ns()
        before = {track.door: track.successes for track in clients.tracks}
        time.sleep(WATCH_S)
        left = [left_of(track, before[track.door], disabled_ns) for track in clients.tracks]
        ticket = clients.kerberos_login()
        left.append(
            Left(door="imap new with a Kerberos ticket", open=ticket, successes_after=int(ticket))
        )
    forwarded = _forwards(layout, leaver)
    left.append(
        Left(door="mail forwarded by Sieve", open=forwarded, successes_after=int(forwarded))
    )
    print_left(left)
    print("   and they stay so: see `evict exposure` for how long each would.", flush=True)
    return left


def print_left(left: Sequence[Left]) -> None:
    print(f"   {WATCH_S:.0f} s after the directory said that the account is disabled:")
    for each in left:
        word = "OPEN" if each.open else "shut"
        print(f"   {each.door:34} {word:6} {each.successes_after:5} times used since", flush=True)


def left_of(track: Track, before: int, disabled_ns: int) -> Left:
    last = track.last_success_ns
    return Left(
        door=track.door,
        open=last is not None and last > disabled_ns and track.first_failure_ns is None,
        successes_after=track.successes - before,
    )


def _forwards(layout: Layout, leaver: Person) -> bool:
    """Whether a mail that comes in now is still forwarded to the colleague."""
    subject = f"Offer {time.time_ns()}"
    mailbox.deliver(layout, leaver, subject)
    try:
        mailbox.wait_for_mail(layout, people.person("carol"), subject)
    except EstateError:
        return False
    return True
