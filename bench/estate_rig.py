# SPDX-License-Identifier: Apache-2.0
"""The real estate as benchmarks use it: fresh, on an address of its own, gone afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from estate import services
from estate.clients.leaver import STORM, LeaverClients
from estate.commands import EstateError
from estate.layout import Layout

IP: Final = "127.102.0.1"
BYSTANDERS: Final = ("carol", "dave", "erin", "frank", "grace", "heidi")
_WARM_LOGINS: Final = 3
_WARM_S: Final = 30.0


@contextmanager
def fresh_estate(layout: Layout) -> Iterator[None]:
    """A ledger and mailboxes of an earlier run would count, so there are none."""
    services.down(layout)
    shutil.rmtree(layout.state, ignore_errors=True)
    try:
        services.up(layout)
        yield
    finally:
        services.down(layout)
        shutil.rmtree(layout.state, ignore_errors=True)


def wait_for_storm(clients: LeaverClients) -> None:
    """Return once logins succeed on all four connections and every live session is in use."""
    until = time.monotonic() + _WARM_S
    live, storm = clients.tracks[: -len(STORM)], clients.tracks[-len(STORM) :]
    while any(t.successes < _WARM_LOGINS for t in storm) or any(not t.successes for t in live):
        if time.monotonic() > until:
            quiet = [f"{t.door}: {t.failure or 'no answer'}" for t in (*live, *storm)]
            raise EstateError("the leaver's clients do not get in: " + "; ".join(quiet))
        time.sleep(0.01)


def survivors(clients: LeaverClients) -> tuple[str, ...]:
    """Doors that still work now, and live sessions that were never seen to fail."""
    live = clients.tracks[: -len(STORM)]
    never = {track.door for track in live if track.first_failure_ns is None}
    return tuple(sorted(never | set(clients.survivors())))
