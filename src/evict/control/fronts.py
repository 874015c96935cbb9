# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of the fronts before web mail."""

from __future__ import annotations

import asyncio

from evict.config.fronts import Front, fronts
from evict.config.model import Config
from evict.core.exposure import Finding
from evict.systems.forward_auth import findings as forward_auth
from evict.systems.forward_auth.products import product_of
from evict.systems.haproxy import findings as haproxy


async def findings(config: Config) -> tuple[Finding, ...]:
    """Whether each front is in force, fail-closed, and before every way in. Never raises."""
    told = await asyncio.gather(*map(_of, fronts(config)))
    return tuple(finding for part in told for finding in part)


async def _of(front: Front) -> tuple[Finding, ...]:
    found: tuple[Finding, ...] = ()
    if front.pushed is not None:
        found += await haproxy.findings(front.name, front.pushed)
    if front.asks is not None:
        door = forward_auth.Door(
            url=front.url, ca_file=front.ca_file, server_name=front.server_name
        )
        product = product_of(front.kind, front.path)
        found += await forward_auth.examine(front.name, door, front.asks, product)
    return found
