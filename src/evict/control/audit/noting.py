# SPDX-License-Identifier: Apache-2.0
"""What of a request goes into the audit log, whoever carries it out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import structlog

from evict.control import api
from evict.control.access.roles import refuse
from evict.control.audit.record import Note, Record, Result
from evict.core.access import Asker
from evict.core.errors import AuditNotWritten, EvictError, ExitCode, GuardRefused, NotAllowed

log = structlog.get_logger()

_LOOKS: Final = frozenset(
    {
        "look",
        "watch",
        "held-list",
        "schedule-list",
        "token-list",
        "ledger.verify",
        "audit.verify",
    }
)
"""What only looks is noted where it was not allowed, and not otherwise."""
_BY_THEIR_PART: Final = frozenset(
    {
        "revoke",
        "batch",
        "schedule-cancel",
        "schedule-move",
        "reinstate",
        "approve",
        "dismiss",
        "token-create",
        "token-revoke",
    }
)
"""Noted by whoever carries them out, account by account; here only where they come to nothing."""


async def answered(
    request: api.Request,
    asker: Asker,
    work: AsyncIterator[api.Line],
    note: Note,
) -> AsyncIterator[api.Line]:
    """Refuse or carry out a request, and note which.

    Whatever reopens or hands out rights asks for a durable record itself, before it does; here
    nothing waits for one that cannot be had.
    """
    verb = _verb(request)
    is_look = verb in _LOOKS or getattr(request, "dry_run", False)
    try:
        refuse(request, asker)
        if is_look or verb in _BY_THEIR_PART:
            async for line in work:
                yield line
            return
        # All of it first: whoever hangs up after the answer was answered all the same.
        lines = [line async for line in work]
        await _note(note, request, asker, _result(lines), "")
        for line in lines:
            yield line
    except NotAllowed as error:
        await _note(note, request, asker, Result.REFUSED, error.text)
        raise
    except EvictError as error:
        if not is_look:
            result = Result.REFUSED if isinstance(error, GuardRefused) else Result.FAILED
            await _note(note, request, asker, result, error.text)
        raise


async def _note(
    note: Note, request: api.Request, asker: Asker, result: Result, detail: str
) -> None:
    record = Record(
        who=asker.name,
        what=_verb(request),
        result=result,
        on=_names(request),
        why=str(getattr(request, "reason", "")),
        where=asker.where,
        detail=detail,
    )
    try:
        await note(record)
    except AuditNotWritten as error:
        log.error("audit.lost", what=record.what, text=error.text)  # noqa: TRY400 - it says where


def _verb(request: api.Request) -> str:
    """`revoke`, `ledger.backup`, `token-create`."""
    tag = str(request.__struct_config__.tag)
    what = getattr(request, "what", "")
    return f"{tag}.{what}" if what and tag != "look" else tag


def _names(request: api.Request) -> tuple[str, ...]:
    for field in ("names", "ids"):
        if names := getattr(request, field, ()):
            return tuple(str(name) for name in names)
    for field in ("name", "account", "argument", "source"):
        value = getattr(request, field, "")
        if value:
            return (str(value),)
    return ()


def _result(lines: list[api.Line]) -> Result:
    well = any(isinstance(line, api.End) and line.exit_code is ExitCode.OK for line in lines)
    return Result.DONE if well else Result.FAILED
