# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of the fronts before web mail."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from evict.config.fronts import Front, fronts
from evict.config.model import Config
from evict.core.exposure import Finding, Severity
from evict.systems.forward_auth import findings as forward_auth
from evict.systems.forward_auth.products import Product, product_of
from evict.systems.haproxy import findings as haproxy


async def findings(config: Config) -> tuple[Finding, ...]:
    """Whether each front is in force, and before every way in. Never raises."""
    told = await asyncio.gather(*map(_of, fronts(config)))
    return tuple(finding for part in told for finding in part)


async def _of(front: Front) -> tuple[Finding, ...]:
    found: tuple[Finding, ...] = ()
    if front.pushed is not None:
        found += await haproxy.findings(front.name, front.pushed)
    if front.asks is not None:
        product = product_of(front.kind, front.path)
        found += await forward_auth.examine(front.name, _door(front), front.asks, product)
    return found


def _door(front: Front) -> forward_auth.Door:
    return forward_auth.Door(url=front.url, ca_file=front.ca_file, server_name=front.server_name)


class Asking(Struct, frozen=True, kw_only=True):
    """One front that asks. `answers`: it served somebody while the agent did."""

    name: str
    door: forward_auth.Door
    product: Product
    answers: bool


async def asking(config: Config) -> tuple[Asking, ...]:
    """Look at each front that asks; never raises."""
    return tuple(await asyncio.gather(*(_asking(f) for f in fronts(config) if f.asks is not None)))


async def _asking(front: Front) -> Asking:
    door, product = _door(front), product_of(front.kind, front.path)
    answers = await forward_auth.answers(door, product)
    return Asking(name=front.name, door=door, product=product, answers=answers)


async def unasked(seen: tuple[Asking, ...]) -> list[Finding]:
    """The same while the hooks are stopped: whether each of them is fail-closed."""
    return list(await asyncio.gather(*map(_unasked, seen)))


async def _unasked(seen: Asking) -> Finding:
    if seen.answers:
        return await forward_auth.refuses_unasked(seen.name, seen.door, seen.product)
    return Finding(
        code="front-fails-closed",
        severity=Severity.WARNING,
        system=seen.name,
        text="not proven: the front serves nobody even while the agent answers",
    )
