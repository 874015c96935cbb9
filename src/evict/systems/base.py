# SPDX-License-Identifier: Apache-2.0
"""What a product's folder offers the control plane.

A connector reads, plans, acts and takes back; it never judges. Whatever it cannot do is raised as
a `SystemFault`, so that one dead server never hides another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import RemoteProtocolError
from evict.core.exposure import Exposure, Finding
from evict.core.measure import BeforeImage, Effect, Measure
from evict.core.presence import Presence
from evict.core.secret import Secret
from evict.core.sighting import Sighting
from evict.core.verdict import Expectation


class Order(Struct, frozen=True, kw_only=True):
    """One revocation as a connector needs to know it.

    Attributes:
        commit_at: when the ledger entry was stored.
        forms: the account's canonical login forms.
        hold_queue: whether queued mail is to be held.
        allow_bounce: whether a measure may be taken that makes mail to the leaver bounce.
        shown: it is only shown what would be done, so a look takes the time that it needs.
    """

    generation: int
    commit_at: datetime
    forms: tuple[str, ...]
    hold_queue: bool = False
    allow_bounce: bool = False
    shown: bool = False


class Passwords(Struct, frozen=True, kw_only=True):
    """The two derived passwords of one generation, in the order in which they are set."""

    first: Secret
    second: Secret


class Observation(Struct, frozen=True, kw_only=True):
    """What a system shows of one account now.

    Attributes:
        expectations: every door of this account at this system, with what is promised of it.
        sightings: what the system's own lists say of doors that can be looked at without a try.
        facts: for people: one sentence each (a script's redirects, the number of sessions).
        state: what the planner of the same product needs; opaque to everybody else.
    """

    system: str
    expectations: tuple[Expectation, ...]
    sightings: tuple[Sighting, ...] = ()
    facts: tuple[str, ...] = ()
    state: object = None


class Connector(Protocol):
    """Control-side adapter to one running system. Every method may raise a `SystemFault`."""

    @property
    def name(self) -> str:
        """Name in the configuration."""

    @property
    def product(self) -> str:
        """`active_directory`, `dovecot`, `postfix`."""

    async def observe(self, account: Account, order: Order | None) -> Observation:
        """Look; change nothing. `order` is None before anything was ordered."""

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:
        """The measures that this system still needs, the agent's included."""

    async def apply(
        self, account: Account, measure: Measure, order: Order, passwords: Passwords
    ) -> Effect:
        """Carry one measure out, looking first: what is so already is `UNCHANGED`.

        Raises:
            Uncertain: sent and not answered.
        """

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        """Put back what `image` says, unless it drifted and `overwrite` is False."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where its doors are tried, every server of it."""

    async def exposure(self) -> tuple[Exposure, ...]:
        """How long each door would stay open after a plain disable."""

    async def findings(self) -> tuple[Finding, ...]:
        """What `evict doctor` says of it."""

    async def close(self) -> None:
        """End connections."""


class Directory(Connector, Protocol):
    """The connector of a directory: it also knows who somebody is."""

    async def resolve(self, name: str) -> Account:
        """Find the one account that has this name.

        Raises:
            AccountUnknown, AccountAmbiguous, NameRefused, SystemFault.
        """

    async def read(self, account_id: str) -> Account:
        """Read an account by its immutable id. Raises `AccountUnknown` where it is gone."""

    async def set_fresh_password(self, account: Account, password: Secret) -> bool:
        """Reinstatement: set a password that must be changed at the next sign-in.

        None of before is taken any more. Returns False where the directory will not ask for
        another one (its password never expires).
        """

    def watch(self, rules: WatchSection) -> DirectoryWatch:
        """A watch over all accounts below its base, on connections of its own."""


class PositionLost(RemoteProtocolError):
    """The directory does not take up at this position: everything has to be compared anew."""

    code = "position-lost"


class Glimpse(Struct, frozen=True, kw_only=True):
    """One answer of a directory that is watched.

    Attributes:
        presences: whole records, read after the change was seen, each account once.
        position: from where to go on, to be stored once the presences were dealt with; opaque,
            bound to the server that gave it; b"" in all but the last answer of a whole reading.
    """

    presences: tuple[Presence, ...]
    position: bytes = b""


class DirectoryWatch(Protocol):
    """A directory's word on who is there, as it changes. Every method may raise a `SystemFault`.

    An answer that is short, refused, referred elsewhere or of another domain is an error, never
    a `Glimpse`: absence closes nobody.
    """

    def everybody(self) -> AsyncIterator[Glimpse]:
        """All accounts, page by page, tombstones included; the last one carries the position."""

    async def since(self, position: bytes) -> Glimpse:
        """What changed since; the same position again where nothing did.

        Raises:
            PositionLost: the cookie is of another server, too old, or unreadable.
        """

    async def hint(self, timeout_s: float) -> None:
        """Return as soon as something may have changed, or after the time; never an error."""

    async def close(self) -> None:
        """End connections."""
