# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.probes.line import LineProber
from evict.wire.managesieve import ManageSieveClient


class ManageSieveProber(LineProber):
    """ManageSieve: a witness says NOOP and reads no script."""

    def __init__(self) -> None:
        super().__init__(ManageSieveClient)
