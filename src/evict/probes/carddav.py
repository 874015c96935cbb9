# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.probes.dav import DavProber


class CardDavProber(DavProber):
    """An address book program."""

    place = "Contacts"
