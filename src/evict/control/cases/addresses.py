# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
import itertools
import time
from collections.abc import Iterator


class SourceAddresses:
    """Hands out the addresses that only probes use, each as rarely as possible.

    Dovecot delays every login from an address after failures (2, 4, 8, 15 s, forgotten after a
    while), whoever makes it, so two probes in a row never share one while there are others.
    Starts somewhere else in the network after each restart.

    Quirk: Dovecot 2.3 auth penalty, `src/auth/auth-penalty.h` (AUTH_PENALTY_INIT_SECS 2,
    AUTH_PENALTY_MAX_SECS 15).
    """

    def __init__(self, network: str | None) -> None:
        self._addresses: Iterator[str | None] = itertools.repeat(None)
        if network is not None:
            hosts = [str(a) for a in ipaddress.ip_network(network, strict=False).hosts()]
            start = int(time.time()) * 7 % len(hosts)
            self._addresses = itertools.cycle(hosts[start:] + hosts[:start])

    def next(self) -> str | None:
        """The next address to connect from; None: the system's choice."""
        return next(self._addresses)
