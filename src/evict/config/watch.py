# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

RecognisedSign = Literal["disabled", "deleted", "moved", "expired", "password-reset"]


class WatchSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The directory watch: what the directory itself says of somebody who left."""

    enabled: Annotated[
        bool, Meta(description="Revoke whoever the directory shows as gone, unattended.")
    ] = False
    recognise: Annotated[
        tuple[RecognisedSign, ...],
        Meta(
            description="By what it shows that: disabled, deleted, moved (into leavers_units or"
            " leavers_groups), expired, password-reset (set by somebody else).",
            min_length=1,
        ),
    ] = ("disabled", "deleted", "moved", "expired")
    leavers_units: Annotated[
        tuple[str, ...],
        Meta(
            description="DNs of units; an account at any depth below one has left.",
            examples=[["OU=Leavers,DC=corp,DC=example"]],
        ),
    ] = ()
    leavers_groups: Annotated[
        tuple[str, ...],
        Meta(
            description="Groups (DN) whose members have left, nested membership counts.",
            examples=[["CN=Leavers,OU=Groups,DC=corp,DC=example"]],
        ),
    ] = ()
    poll_ms: Annotated[
        int,
        Meta(
            description="Pause between two questions to the directory; a hint comes sooner.",
            ge=20,
            le=60_000,
        ),
    ] = 100
    compare_every_hours: Annotated[
        int,
        Meta(description="How often everything is compared although no cookie was lost.", ge=1),
    ] = 24
    first_comparison: Annotated[
        Literal["remember", "close"],
        Meta(
            description="What is done with accounts that had left before the first start of the"
            " watch: remember them, or close them all (through the allowance of [guard])."
        ),
    ] = "remember"
