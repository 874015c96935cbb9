# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

from evict.config.model import Config
from evict.control.cases import Cases
from evict.control.orders import Orders
from evict.control.sources import SourceAddresses
from evict.control.systems import Systems
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the control plane is made of, opened once and handed to whoever works with it."""

    config: Config
    systems: Systems
    orders: Orders
    ledger: Ledger
    publisher: Publisher
    cases: Cases
    sources: SourceAddresses
