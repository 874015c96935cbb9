# SPDX-License-Identifier: Apache-2.0
"""The audit log's records, and who writes them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum

from msgspec import Struct


class Result(StrEnum):
    DONE = "done"
    HELD = "held"
    REFUSED = "refused"
    FAILED = "failed"


class Record(Struct, frozen=True, kw_only=True):
    """One act: who, what, on whom, why, from where, with what result, in which case.

    Attributes:
        who: an asker's name: `uid:1000(alice)`, `token:personnel`, `directory:corp`.
        what: a verb: `revoke`, `reinstate`, `approve`, `schedule`, `token.create`, `watch.enabled`.
        on: account ids, or the name as it was given where it is nobody's.
        why: the reason given; free text.
        where: `unix socket`, an address.
        detail: one sentence; no secret, no content of a mail.
        case: the account's generation; 0: none.
    """

    who: str
    what: str
    result: Result
    on: tuple[str, ...] = ()
    why: str = ""
    where: str = ""
    detail: str = ""
    case: int = 0


Note = Callable[[Record], Awaitable[None]]
"""Returns once the record is durable in the file.

Raises `AuditNotWritten` (`core.errors`) where it is not: whoever closes goes on all the same and
tells an alarm; whoever reopens, approves or hands out rights stops there.
"""
