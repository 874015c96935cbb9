# SPDX-License-Identifier: Apache-2.0
"""Negative logins: the strongest credential there is, set by Evict itself, tried at each door."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec

from evict.control.cases.case import Case
from evict.control.parts import Parts
from evict.core.account import Account
from evict.core.door import Credential
from evict.core.endpoint import Endpoint, door_of
from evict.core.secret import Secret
from evict.core.sighting import Method, Outcome, Sighting
from evict.probes.base import Login
from evict.probes.registry import credential_of, prober

_PAUSES_S = (0.0, 0.5, 2.0, 5.0)


class NegativeLogins:
    """Tries logins from addresses of their own; a try without a clear answer is repeated."""

    def __init__(self, parts: Parts) -> None:
        self._sources = parts.sources
        self._timeout_s = parts.config.probes.timeout_s
        self._hooked = parts.systems.hooked
        self._login_name = parts.systems.login_name

    def login(self, account: Account, endpoint: Endpoint, password: Secret) -> Login:
        return Login(
            name=self._login_name(account, endpoint),
            password=password,
            source=self._sources.next(),
            timeout_s=self._timeout_s,
        )

    async def try_until_clear(self, case: Case, endpoint: Endpoint, deadline: float) -> None:
        """Try one endpoint, again while it lets the leaver in or gives no clear answer.

        Args:
            deadline: by the running loop's clock.
        """
        clock = asyncio.get_running_loop().time
        for pause in _PAUSES_S:
            if clock() + pause >= deadline and pause:
                return
            await asyncio.sleep(pause)
            outcome = await self._once(case, endpoint, deadline - clock())
            if outcome.shut:
                return

    async def _once(self, case: Case, endpoint: Endpoint, left_s: float) -> Outcome:
        login = self.login(case.account, endpoint, case.passwords.second)
        started_at = datetime.now(UTC)
        try:
            async with asyncio.timeout(max(left_s, 0.1)):
                seen = await prober(endpoint.protocol).negative_login(endpoint, login)
        except TimeoutError:
            seen = Sighting(
                door=door_of(endpoint, credential_of(endpoint.protocol)),
                method=Method.NEGATIVE_LOGIN,
                outcome=Outcome.UNCLEAR,
                started_at=started_at,
                ended_at=datetime.now(UTC),
                where=f"{endpoint.host}:{endpoint.port}",
                detail="no answer before the deadline of the case",
            )
        if not case.credentials_set and seen.door.credential is Credential.PASSWORD:
            seen = self._without_the_password(seen)
        case.see(seen)
        return seen.outcome

    def _without_the_password(self, seen: Sighting) -> Sighting:
        """A refusal of a password that was never set proves nothing, but where a hook is in front.

        The hook is asked before the password is looked at, so there the refusal is the hook's.
        """
        detail = f"{seen.detail} (tried without the password being known to be set)"
        unproven = seen.outcome is Outcome.REFUSED and seen.door.system not in self._hooked
        outcome = Outcome.UNCLEAR if unproven else seen.outcome
        return msgspec.structs.replace(seen, detail=detail, outcome=outcome)
