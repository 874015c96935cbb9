# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from pathlib import Path

from evict.control.case import Case
from evict.control.parts import Parts
from evict.core.door import Credential
from evict.probes.kerberos import ticket_login

_PATIENCE_S = 10.0


async def try_ticket(case: Case, parts: Parts, ccache: Path) -> None:
    """Use a ticket of the leaver taken before, at each server that takes tickets.

    It waits for the hooks, since a login that is let in before them proves only what is known: that
    nothing else stops a ticket.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await case.refusing.wait()
    except TimeoutError:
        pass  # tried all the same: what it sees is what is
    for dovecot in parts.systems.dovecots:
        for endpoint in dovecot.endpoints():
            doors = [d for d in case.expectations if d.system == endpoint.system]
            takes_tickets = any(
                d.protocol == endpoint.protocol and d.credential is Credential.TICKET for d in doors
            )
            if takes_tickets:
                host = endpoint.server_name or endpoint.host
                seen = await ticket_login(
                    endpoint,
                    ccache,
                    host,
                    source=parts.sources.next(),
                    timeout_s=parts.config.probes.timeout_s,
                )
                case.see(seen)
