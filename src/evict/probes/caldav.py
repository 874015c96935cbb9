# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.probes.dav import DavProber


class CalDavProber(DavProber):
    """A calendar program."""

    place = "Calendar"
