# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.systems.exchange.access import POOLS, Line, Log, Mark, Served


class Marks:
    """From when on a served request counts, per account, server and protocol.

    A log that only grows shows what was served since a mark, whatever any clock says. The mark is
    set when all was seen shut, and set anew when the pool was recycled.
    """

    def __init__(self) -> None:
        self._at: dict[tuple[str, str, str], Mark] = {}
        self._recycled: set[tuple[str, str, str]] = set()

    def forget(self, account: str) -> None:
        """Something is open again: what is served now is no fault of a cache."""
        self._recycled = {key for key in self._recycled if key[0] != account}
        self._at = {key: at for key, at in self._at.items() if key[0] != account}

    def shut(self, account: str, log: Log) -> None:
        """All was just seen shut: what is in the log by now does not count. Only once."""
        for protocol in POOLS:
            self._at.setdefault((account, log.server, protocol), log.end(protocol))

    def recycled(self, account: str, log: Log, protocol: str) -> None:
        key = (account, log.server, protocol)
        self._at[key] = log.end(protocol)
        self._recycled.add(key)

    def since(self, account: str, log: Log, protocol: str) -> tuple[Line, ...]:
        """The leaver's lines after the mark; none where there is no mark."""
        key = (account, log.server, protocol)
        return log.since(protocol, self._at[key]) if key in self._at else ()

    def served(self, account: str, log: Log) -> tuple[Served, ...]:
        """The pools of this server that still take the leaver's token.

        A refusal after the last yes is a challenge, which comes before each integrated sign-in;
        more than one means that the pool has stopped.
        """
        out = []
        for protocol in POOLS:
            lines = self.since(account, log, protocol)
            good = [line for line in lines if line.served]
            if good and sum(line.at > good[-1].at for line in lines) <= 1:
                out.append(
                    Served(
                        server=log.server,
                        protocol=protocol,
                        count=len(good),
                        last_at=good[-1].at,
                        recycled=(account, log.server, protocol) in self._recycled,
                    )
                )
        return tuple(out)
