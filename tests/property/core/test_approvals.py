# SPDX-License-Identifier: Apache-2.0
"""However people approve, whenever, and over restarts of the machine: what counts is how many
different people said yes within so many minutes of true time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from evict.control.guard.held import Approval, Held, HeldKind, with_approval
from evict.core.account import Account
from evict.core.allowance import Moment

START = datetime(2026, 11, 24, tzinfo=UTC)
MINUTES = 10
ACCOUNT = Account(id="id", directory="d", dn="CN=a", sam="a", upn="a@b", domain="B", dns_domain="b")
HELD = Held(
    id="x",
    kind=HeldKind.CLOSURE,
    account=ACCOUNT,
    source="directory:corp",
    person="",
    since=START,
    number=1,
    why="more than it may",
    request="r",
)


class Yes(NamedTuple):
    """`pause`: seconds since the one before; `clock`: how wrong the clock is set by then."""

    person: str
    pause: int
    clock: int
    restart: bool


said = st.lists(
    st.builds(
        Yes,
        person=st.sampled_from(["uid:0", "uid:1000", "uid:1001"]),
        pause=st.sampled_from([0, 1, 200, 599, 600, 601, 4000]),
        clock=st.sampled_from([0, 0, -86400, 86400]),
        restart=st.sampled_from([False, False, False, True]),
    ),
    max_size=12,
)


@given(said)
def test_who_counts_said_yes_in_the_last_minutes_of_this_run(said: list[Yes]) -> None:
    held = HELD
    true = boot = boot_at = 0
    spoken: dict[str, tuple[int, int]] = {}
    for yes in said:
        true += yes.pause
        if yes.restart:
            boot, boot_at = boot + 1, true
        at = START + timedelta(seconds=true + yes.clock)
        moment = Moment(boot=str(boot), up=float(true - boot_at), at=at)
        held = with_approval(
            held, Approval(person=yes.person, name=yes.person, at=moment), minutes=MINUTES
        )
        spoken[yes.person] = (boot, true)
        counted = {
            person
            for person, (run, when) in spoken.items()
            if run == boot and true - when <= MINUTES * 60
        }
        assert {a.person for a in held.approvals} == counted
        assert len(held.approvals) == len(counted)
