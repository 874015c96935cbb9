# SPDX-License-Identifier: Apache-2.0
"""Any order of changes, faults, lost cookies and restarts: who left is closed, and nobody else."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from evict.config.watch import WatchSection
from evict.core.errors import RemoteProtocolError
from tests.unit.sources.watch.people import deleted, somebody
from tests.unit.sources.watch.town import Place

NAMES = ("alice", "bob", "carol", "dave", "erin")
STEP = st.one_of(
    st.tuples(
        st.sampled_from(["disable", "delete", "expire", "rename", "phone"]), st.sampled_from(NAMES)
    ),
    st.tuples(st.sampled_from(["fault", "well", "lose", "restart", "turn", "hour"]), st.just("")),
)


class Model:
    """What must have been closed by now, had the watch never been away."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.left: set[str] = set()
        self.ends: dict[str, int] = {}
        self.hours = 0

    async def step(self, what: str, name: str) -> None:
        place = self.place
        if name:
            self._change(what, name)
        elif what == "fault":
            place.directory.fault = RemoteProtocolError("half a page", system="directory")
        elif what == "well":
            place.directory.fault = None
        elif what == "lose":
            place.directory.server += "x"
        elif what == "restart":
            await place.restart()
        elif what == "turn":
            await place.turn(1)
        else:
            self.hours += 1
            place.now += timedelta(hours=1)

    def _change(self, what: str, name: str) -> None:
        directory = self.place.directory
        record = directory.records[f"id-{name}"][1]
        if record.deleted:
            return
        account = record.account
        match what:
            case "disable":
                record = structs.replace(record, account=structs.replace(account, enabled=False))
                self.left.add(name)
            case "delete":
                record = deleted(record)
                self.left.add(name)
                self.ends.pop(name, None)
            case "expire":
                record = structs.replace(record, expires_at=self.place.now + timedelta(hours=2))
                self.ends[name] = self.hours + 2
            case "rename":
                more = (*account.addresses, f"{name}{directory.number}@corp.test")
                record = structs.replace(record, account=structs.replace(account, addresses=more))
        directory.put(record)

    def expected(self) -> set[str]:
        expired = {name for name, hour in self.ends.items() if hour <= self.hours}
        return {f"id-{name}" for name in self.left | expired}


async def follow(steps: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), WatchSection(enabled=True, poll_ms=20))
        for name in NAMES:
            place.directory.put(somebody(name))
        place.directory.put(somebody("old", enabled=False))
        await place.start()
        await place.turn(8)
        model = Model(place)
        for what, name in steps:
            await model.step(what, name)
            assert set(place.intake.closed) <= model.expected()
        place.directory.fault = None
        await place.turn(14)
        await place.stop()
        assert set(place.intake.closed) == model.expected()
        for account, forms in place.intake.closed.items():
            account_now = place.directory.records[account][1]
            if not account_now.deleted:
                assert set(place.intake.login_forms(account_now.account)) <= forms


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=12))
def test_whoever_left_is_closed_and_nobody_else(steps: list[tuple[str, str]]) -> None:
    asyncio.run(follow(steps))
