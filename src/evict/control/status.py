# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from evict.control.parts import Parts
from evict.core.revocation import Standing
from evict.ledger.publisher import AgentState


class Status:
    """Who is revoked, how each case stands, how fresh the agents are, what configuration holds."""

    def __init__(self, parts: Parts) -> None:
        self._systems = parts.systems
        self._ledger = parts.ledger
        self._publisher = parts.publisher
        self._cases = parts.cases
        self._settings = parts.settings

    async def tell(self, name: str) -> dict[str, Any]:
        """Of one account where a name is given, else of everybody the ledger knows."""
        standings = self._ledger.standings
        if name:
            account = await self._systems.directory.resolve(name)
            chosen = [standings[account.id]] if account.id in standings else []
        else:
            chosen = sorted(standings.values(), key=lambda s: s.seq)
        head = self._ledger.head
        return {
            "accounts": [await self._account(standing) for standing in chosen],
            "agents": [
                *(_agent(a, head.seq, connected=True) for a in self._publisher.agents()),
                *(_agent(a, head.seq, connected=False) for a in self._publisher.lost_agents()),
            ],
            "ledger": {"seq": head.seq, "epoch": head.epoch},
            "configuration": {
                "since": self._settings.since,
                "refused": self._settings.refused,
                "restart_needed": list(self._settings.restart_needed),
            },
        }

    async def _account(self, standing: Standing) -> dict[str, Any]:
        personal = await self._ledger.personal(standing.seq)
        generation = standing.generation if standing.revoked else standing.generation - 1
        last = await self._ledger.journal.last_closed(standing.account, generation)
        running = self._cases.get(standing.account) is not None
        state = "revoked" if standing.revoked else "reinstated"
        return {
            "account": standing.account,
            "label": personal.label if personal else standing.account,
            "state": f"{state}, being looked at" if running else state,
            "generation": standing.generation,
            "since": standing.since,
            "verdict": last.verdict if last else "not looked at",
            "evidence": last.evidence if last else "",
        }


def _agent(agent: AgentState, head: int, *, connected: bool) -> dict[str, Any]:
    """One that was lost goes on by its last view, wherever it is."""
    return {
        "agent": agent.name,
        "connected": "yes" if connected else "LOST",
        "seq": agent.acknowledged_seq,
        "behind": head - agent.acknowledged_seq,
        "hooks": list(agent.hooks),
    }
