# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class StayingSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stay evicted: whoever was revoked is looked at again, and closed again."""

    days: Annotated[
        int, Meta(description="For so many days after the revocation; 0: never.", ge=0, le=3660)
    ] = 90
    every_minutes: Annotated[
        int, Meta(description="How often all doors of one account are looked at.", ge=1)
    ] = 60
    flapping_minutes: Annotated[
        int,
        Meta(description="Whatever opens again within so long is one alarm, not many.", ge=1),
    ] = 15
