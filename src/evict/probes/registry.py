# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evict.core.door import Credential
from evict.core.errors import Unsupported
from evict.probes.activesync import ActiveSyncProber
from evict.probes.base import Prober
from evict.probes.caldav import CalDavProber
from evict.probes.calendar import CalendarProber
from evict.probes.carddav import CardDavProber
from evict.probes.ews import EwsProber
from evict.probes.imap import ImapProber
from evict.probes.kerberos import KerberosProber
from evict.probes.ldap import LdapProber
from evict.probes.managesieve import ManageSieveProber
from evict.probes.mapi import MapiProber
from evict.probes.owa import OwaProber
from evict.probes.pop3 import Pop3Prober
from evict.probes.roundcube_web import RoundcubeWebProber
from evict.probes.sogo_web import SogoWebProber
from evict.probes.submission import SubmissionProber

_PROBERS: Final[dict[str, Callable[[], Prober]]] = {
    "imap": ImapProber,
    "pop3": Pop3Prober,
    "managesieve": ManageSieveProber,
    "submission": SubmissionProber,
    "ldap": LdapProber,
    "kerberos": KerberosProber,
    "owa": OwaProber,
    "activesync": ActiveSyncProber,
    "ews": EwsProber,
    "mapi": MapiProber,
    "sogo-web": SogoWebProber,
    "roundcube-web": RoundcubeWebProber,
    "caldav": CalDavProber,
    "carddav": CardDavProber,
    "calendar": CalendarProber,
}


def prober(protocol: str) -> Prober:
    """The prober of an endpoint's protocol. Raises `Unsupported` where nobody speaks it."""
    make = _PROBERS.get(protocol)
    if make is None:
        raise Unsupported("no probe speaks this protocol", system=protocol)
    return make()


def credential_of(protocol: str) -> Credential:
    """What a try at such an endpoint tries: what is published needs no password."""
    return Credential.GRANT if protocol == "calendar" else Credential.PASSWORD
