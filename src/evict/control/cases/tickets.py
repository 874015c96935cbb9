# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from pathlib import Path

from evict.control.cases.case import Case
from evict.control.parts import Parts
from evict.control.progress import Note
from evict.probes.kerberos import ticket_login

TICKET_PROTOCOL = "imap"
"""Whose service ticket is asked for: a ticket is good for one service (RFC 4120 section 1)."""
_PATIENCE_S = 10.0


async def try_ticket(case: Case, parts: Parts, ccache: Path) -> None:
    """Use a ticket of the leaver taken before, at each server that takes tickets.

    It waits for the hooks, since a login that is let in before them proves only what is known: that
    nothing else stops a ticket. Where none takes tickets that is said: it was asked to be tried.
    """
    servers = {d.name for d in parts.config.dovecot if d.gssapi}
    endpoints = [
        e
        for d in parts.systems.dovecots
        for e in d.endpoints()
        if e.system in servers and e.protocol == TICKET_PROTOCOL
    ]
    if not endpoints:
        text = "the ticket is not tried: no Dovecot of the configuration takes tickets (gssapi)"
        case.emit(Note(account=case.account.id, text=text))
        return
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await case.refusing.wait()
    except TimeoutError:
        pass  # tried all the same: what it sees is what is
    for endpoint in endpoints:
        seen = await ticket_login(
            endpoint,
            ccache,
            endpoint.server_name or endpoint.host,
            source=parts.sources.next(),
            timeout_s=parts.config.probes.timeout_s,
        )
        case.see(seen)
