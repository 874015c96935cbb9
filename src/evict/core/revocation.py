# SPDX-License-Identifier: Apache-2.0
"""Ledger entries and the fold over them: who may come in, and since which generation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType


class Kind(StrEnum):
    REVOCATION = "revocation"
    REINSTATEMENT = "reinstatement"
    ADOPTION = "adoption"
    """A restored ledger was adopted on purpose: a new epoch begins."""


class Body(Struct, frozen=True, kw_only=True):
    """What the chain binds. Holds no name and no reason: those stand beside, erasable.

    Attributes:
        version: format of this body; 1.
        ledger: random id of the ledger, made with it.
        epoch: rises by one at each adoption.
        seq: 1, 2, 3, ... without gaps over all epochs.
        at: aware UTC, when it was appended.
        account: immutable id; "" for an adoption.
        generation: 1, 2, 3, ... per account; odd ones revoke, even ones reinstate. A revocation
            that only adds names to one in force has its generation.
        request: id given by the caller; the same one appends once.
        personal: hex SHA-256 commitment to the personal part; "" where there is none.
        hold_queue: revocations: queued mail is to be held too.
        allow_bounce: revocations: measures may be taken that make mail to the leaver bounce. Left
            out of the bytes where it is not so: entries of before it existed stay as they are.
        tickets_dead_until: reinstatements: Kerberos tickets of before are refused until then.
    """

    version: int = 1
    ledger: str
    epoch: int
    seq: int
    kind: Kind
    at: datetime
    account: str = ""
    generation: int = 0
    request: str
    personal: str = ""
    hold_queue: bool = False
    allow_bounce: bool | UnsetType = UNSET
    tickets_dead_until: datetime | None = None


class Personal(Struct, frozen=True, kw_only=True):
    """Names and reasons of one entry; may be erased while the chain still verifies.

    Attributes:
        label: the account's UPN when it was ordered, for people.
        forms: every login form it has, canonical (`core.names`), as each server normalises it.
        actor: who ordered it, as the operating system says (`uid:1000(alice)`).
        reason: free text; reaches no protocol answer.
        directory, sam: where the account was found, and its sAMAccountName then.
    """

    label: str
    forms: tuple[str, ...]
    actor: str = ""
    reason: str = ""
    directory: str = ""
    sam: str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """One stored entry: the body's original bytes, chained.

    Attributes:
        raw: the bytes of the body as first written; never serialised again.
        prev: hash of the entry before; 32 zero bytes for the first.
        hash: SHA-256(prev || raw).
        personal: None where there is none or it was erased.
    """

    body: Body
    raw: bytes
    prev: bytes
    hash: bytes
    personal: Personal | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """What the ledger says of one account now."""

    account: str
    revoked: bool
    generation: int
    since: datetime
    seq: int
    tickets_dead_until: datetime | None = None


def fold(bodies: Iterable[Body]) -> dict[str, Standing]:
    """The newest entry of each account decides; older ones do not count."""
    standing: dict[str, Standing] = {}
    for body in bodies:
        if body.kind is Kind.ADOPTION:
            continue
        standing[body.account] = Standing(
            account=body.account,
            revoked=body.kind is Kind.REVOCATION,
            generation=body.generation,
            since=body.at,
            seq=body.seq,
            tickets_dead_until=body.tickets_dead_until,
        )
    return standing
