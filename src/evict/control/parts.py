# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

from evict.config.model import Config
from evict.control.audit.record import Note
from evict.control.cases.addresses import SourceAddresses
from evict.control.cases.running import Cases
from evict.control.notices.news import Tell
from evict.control.orders.resolving import Orders
from evict.control.reloading import Settings
from evict.control.systems import Systems
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the control plane is made of, opened once and handed to whoever works with it."""

    settings: Settings
    systems: Systems
    orders: Orders
    ledger: Ledger
    publisher: Publisher
    cases: Cases
    sources: SourceAddresses
    note: Note
    tell: Tell

    @property
    def config(self) -> Config:
        """What is in force now: ask at the moment of use, since a reload puts another one there."""
        return self.settings.current
