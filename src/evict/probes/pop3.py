# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.probes.line import LineProber
from evict.wire.pop3 import Pop3Client


class Pop3Prober(LineProber):
    """POP3: a witness says NOOP and fetches nothing."""

    def __init__(self) -> None:
        super().__init__(Pop3Client)
