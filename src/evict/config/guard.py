# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class GuardSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The guard that keeps a mistake, or a stolen token, from closing a company."""

    an_hour: Annotated[
        int,
        Meta(
            description="Accounts that one source may close in an hour; the excess is held.", ge=1
        ),
    ] = 20
    a_minute: Annotated[int, Meta(description="The same in a minute.", ge=1)] = 10
    all_sources_an_hour: Annotated[
        int, Meta(description="The same for all sources together.", ge=1)
    ] = 40
    singles_an_hour: Annotated[
        int,
        Meta(
            description="Orders of one account each that one person or token may give in an hour,"
            " and all together twice as many; they are held by no other allowance.",
            ge=1,
        ),
    ] = 100
    approvers: Annotated[
        int,
        Meta(
            description="How many people must approve what is held. With 2 also protected accounts"
            " and reinstatements wait for two different people.",
            ge=1,
            le=2,
        ),
    ] = 1
    approval_minutes: Annotated[
        int,
        Meta(description="How long an approval counts while another one is awaited.", ge=1),
    ] = 60
    break_glass: Annotated[
        tuple[str, ...],
        Meta(
            description="Accounts (any name, or objectGUID) that nothing and nobody closes through"
            " Evict.",
            examples=[["break-glass@corp.example"]],
        ),
    ] = ()
    name_reuse_days: Annotated[
        int,
        Meta(
            description="A closure of an account that bears a name of somebody revoked less than so"
            " many days ago is held.",
            ge=0,
        ),
    ] = 30
