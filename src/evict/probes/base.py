# SPDX-License-Identifier: Apache-2.0
"""What one file a protocol offers: a negative login, and a witness session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from evict.core.endpoint import Endpoint
from evict.core.secret import Secret
from evict.core.sighting import Outcome, Sighting


class Login(Struct, frozen=True, kw_only=True):
    """Who tries.

    Attributes:
        name: what is sent as the login name; `leaver*master` for a master user's witness.
        source: local address to connect from, or None for the system's choice.
        timeout_s: for the whole try; of a witness, for each beat.
        address: the leaver's mail address: what a submission witness says in MAIL FROM.
    """

    name: str
    password: Secret
    source: str | None
    timeout_s: float
    address: str = ""


class Witness(Protocol):
    """A live session of the leaver, opened before the commit. NOOP only, no content."""

    @property
    def endpoint(self) -> Endpoint:
        """Where it is connected."""

    async def beat(self) -> Outcome:
        """Use it once: LET_IN while it lives, CUT or REFUSED (SMTP) once it does not."""

    def transcript(self) -> tuple[str, ...]:
        """The last lines sent and received, without secrets."""

    async def close(self) -> None:
        """End it; never raises."""


class Prober(Protocol):
    """One protocol's probes. Never raise for what a server does: that is an outcome."""

    async def negative_login(self, endpoint: Endpoint, login: Login) -> Sighting:
        """Try to log in; REFUSED is what is hoped for. LET_IN leaves at once."""

    async def open_witness(self, endpoint: Endpoint, login: Login) -> Witness:
        """Log in and stay. Raises `SystemFault` where that does not work."""


def where(endpoint: Endpoint) -> str:
    """`host:port`, as a sighting says it."""
    return f"{endpoint.host}:{endpoint.port}"


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)
