# SPDX-License-Identifier: Apache-2.0
"""What the front can name, and what it cannot: NTLM and Kerberos sign in a connection.

The name is in no header that a front could read, and later requests on that connection carry
nothing (MS-N2HT 3.2.5). So a front refuses them all, or lets them pass.
"""

from __future__ import annotations

from typing import Final

from evict.config.exchange import ExchangeSection

INTEGRATED: Final = ("activesync", "ews", "mapi")
"""Web doors whose virtual directories commonly take NTLM or Kerberos; OWA has its form."""
NOT_NAMED: Final = (
    "of whoever signed in by NTLM or Kerberos the front cannot tell the name: there the switches,"
    " the rights and the pools of the servers end it"
)
IN_FLIGHT: Final = (
    "nothing at this front ends a request in flight: a phone's held Ping goes on until it is"
    " answered or the front's own limit ends it; the Sync after it is refused"
)


def is_hooked(section: ExchangeSection) -> bool:
    """Whether the front refuses by what the agent says."""
    return section.hook is not None or section.haproxy is not None


def passes_unnamed(section: ExchangeSection) -> bool:
    """Whether what the front cannot name passes it; refused there, it is not in question."""
    fronts = (section.hook, section.haproxy)
    return any(front is not None and front.unidentified == "pass" for front in fronts)
