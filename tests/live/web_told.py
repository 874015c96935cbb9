# SPDX-License-Identifier: Apache-2.0
"""What tests of the web doors ask clients."""

from __future__ import annotations

from ipaddress import IPv4Address

from estate.clients.lines import Ended, Refused
from estate.clients.live import Live
from estate.clients.sogo import SogoWeb
from estate.clients.web_doors import FRONTS
from estate.layout import Layout
from estate.people import Person


def works(session: Live) -> bool:
    """Whether it can be used now."""
    try:
        session.beat()
    except (Refused, Ended):
        return False
    return True


def signs_in(layout: Layout, person: Person, source: IPv4Address) -> bool:
    """Whether a new sign-in at SOGo's page works, through HAProxy."""
    try:
        SogoWeb(layout, person, str(source), front=FRONTS["haproxy"]).close()
    except (Refused, Ended):
        return False
    return True
