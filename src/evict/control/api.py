# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the control plane: one JSON line in, JSON lines out, over a unix socket.

Answers are `Event`s, then exactly one `End` or one `Failed`.

Long: one list of everything that can be asked and answered.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from evict.control.progress import Event
from evict.core.access import Scope
from evict.core.errors import EvictError, ExitCode, UsageError
from evict.core.secret import Secret
from evict.sources import batch

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes. 10,000 names of 256 characters in one order fit."""


class Revoke(Struct, frozen=True, kw_only=True, tag="revoke", forbid_unknown_fields=True):
    """End the access of every account named.

    Attributes:
        names: any names an account can have, objectGUIDs included.
        request: id of this order; the same one again appends nothing.
        witness_ccache: file with a Kerberos service ticket of the leaver taken before, to be tried
            after; "" for none. For one account only.
        wait: False: answer once the ledger holds it and the hooks refuse.
    """

    names: tuple[str, ...]
    request: str
    reason: str = ""
    witness: bool = False
    witness_ccache: str = ""
    hold_queue: bool = False
    allow_bounce: bool = False
    wait: bool = True
    dry_run: bool = False


class Reinstate(Struct, frozen=True, kw_only=True, tag="reinstate", forbid_unknown_fields=True):
    """Let an account in again.

    Attributes:
        overwrite: put the before-images back even where a value drifted.
    """

    name: str
    request: str
    reason: str = ""
    overwrite: bool = False
    dry_run: bool = False


class Look(Struct, frozen=True, kw_only=True, tag="look", forbid_unknown_fields=True):
    """`doors`, `plan`, `status` (name may be empty), `exposure`, `doctor`: change nothing."""

    what: str
    name: str = ""


class Watch(Struct, frozen=True, kw_only=True, tag="watch", forbid_unknown_fields=True):
    """How the directory watch stands. `follow`: go on with what it sees, without an end."""

    follow: bool = False


class HeldCall(Struct, frozen=True, kw_only=True, tag="held-list", forbid_unknown_fields=True):
    """Everything that the guard holds, the oldest first."""


class Approve(Struct, frozen=True, kw_only=True, tag="approve", forbid_unknown_fields=True):
    """Say yes to what is held: by ids, or to all that one source asked for past its allowance."""

    ids: tuple[str, ...] = ()
    source: str = ""


class Dismiss(Struct, frozen=True, kw_only=True, tag="dismiss", forbid_unknown_fields=True):
    """Say no to what is held, in the same words."""

    reason: str
    ids: tuple[str, ...] = ()
    source: str = ""


class LedgerCall(Struct, frozen=True, kw_only=True, tag="ledger", forbid_unknown_fields=True):
    """`verify`, `show`, `backup`, `erase` on the running ledger."""

    what: str
    argument: str = ""


class TokenCreate(
    Struct, frozen=True, kw_only=True, tag="token-create", forbid_unknown_fields=True
):
    """Make a token for a person or a program; its text is in the answer, once.

    Attributes:
        owner: user of this host who answers for it.
    """

    name: str
    scopes: tuple[Scope, ...]
    hours: int
    owner: str


class TokenList(Struct, frozen=True, kw_only=True, tag="token-list", forbid_unknown_fields=True):
    """What tokens there are; no secret."""


class TokenRevoke(
    Struct, frozen=True, kw_only=True, tag="token-revoke", forbid_unknown_fields=True
):
    """End a token at once."""

    name: str


class AuditCall(Struct, frozen=True, kw_only=True, tag="audit", forbid_unknown_fields=True):
    """`show` or `verify` the audit log.

    Attributes:
        account: records on this account only: an id, or a name.
        since: records of then or later only.
        most: how many of the newest.
    """

    what: str
    account: str = ""
    since: datetime | None = None
    most: int = 1000


class Batch(Struct, frozen=True, kw_only=True, tag="batch", forbid_unknown_fields=True):
    """End the access of whom the lines name, each now or at its instant.

    Attributes:
        request: id of this order; the same one again closes nobody twice.
        reason: where a line has none of its own.
        skip_bad: pass over lines that make no sense; otherwise one of them stops all.
        dry_run: tell what would become of every line, and write nothing.
    """

    lines: tuple[batch.Line, ...]
    request: str
    reason: str = ""
    hold_queue: bool = False
    allow_bounce: bool = False
    skip_bad: bool = False
    dry_run: bool = False


class ScheduleList(
    Struct, frozen=True, kw_only=True, tag="schedule-list", forbid_unknown_fields=True
):
    """What is scheduled, the next one first."""


class ScheduleCancel(
    Struct, frozen=True, kw_only=True, tag="schedule-cancel", forbid_unknown_fields=True
):
    """Forget what was scheduled. `names`: ids of schedules, or names of their accounts."""

    names: tuple[str, ...]
    reason: str = ""


class ScheduleMove(
    Struct, frozen=True, kw_only=True, tag="schedule-move", forbid_unknown_fields=True
):
    """Give a schedule another instant, written as `sources.instant` reads it."""

    name: str
    at: str
    reason: str = ""


class Reload(Struct, frozen=True, kw_only=True, tag="reload", forbid_unknown_fields=True):
    """Read the configuration again, as SIGHUP does."""


class NotifyTest(Struct, frozen=True, kw_only=True, tag="notify-test", forbid_unknown_fields=True):
    """Send a test over every way of [notify], or over this one, and say what came of it."""

    way: str = ""


Request = (
    Revoke
    | Reinstate
    | Look
    | LedgerCall
    | TokenCreate
    | TokenList
    | TokenRevoke
    | AuditCall
    | Watch
    | HeldCall
    | Approve
    | Dismiss
    | Batch
    | ScheduleList
    | ScheduleCancel
    | ScheduleMove
    | Reload
    | NotifyTest
)


class WithToken(Struct, frozen=True, kw_only=True, tag="with-token", forbid_unknown_fields=True):
    """An envelope: the request is asked with a token's roles, and with those alone."""

    token: Secret
    request: Request


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """The result of a look: plain JSON."""

    data: object


class Password(Struct, frozen=True, kw_only=True, tag="password"):
    """The fresh password of a reinstatement: told once, to the one who asked, stored nowhere."""

    account: str
    password: str


class Watched(Struct, frozen=True, kw_only=True, tag="watched"):
    """One thing that the directory watch saw: `left`, `opened`, `renamed`, `returned`."""

    at: datetime
    account: str
    label: str
    what: str
    signs: tuple[str, ...] = ()


class End(Struct, frozen=True, kw_only=True, tag="end"):
    exit_code: ExitCode


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    code: str
    exit_code: ExitCode
    text: str


Told = Event | Answer | Password | End | Watched
"""What comes of a request that was not refused as a whole."""

Line = Told | Failed


def _secret(wanted: type, found: object) -> Secret:
    if wanted is not Secret or not isinstance(found, str):
        raise ValueError("Expected a token")
    return Secret(found)


_encoder: Final = msgspec.json.Encoder()
_requests: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_asked: Final[msgspec.json.Decoder[Request | WithToken]] = msgspec.json.Decoder(
    Request | WithToken, dec_hook=_secret
)
_lines: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def encode(message: Request | Line) -> bytes:
    return _encoder.encode(message) + b"\n"


def encode_with_token(request: Request, token: Secret) -> bytes:
    """The one place where a token is put into a message."""
    inner = msgspec.Raw(_encoder.encode(request))
    envelope = {"type": "with-token", "token": token.reveal(), "request": inner}
    return _encoder.encode(envelope) + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises `UsageError`."""
    try:
        return _requests.decode(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a request of this version: {error}") from error


def decode_asked(line: bytes) -> Request | WithToken:
    """A request, plain or in an envelope. Raises `UsageError`."""
    try:
        return _asked.decode(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a request of this version: {error}") from error


def decode_line(line: bytes) -> Line:
    """Raises `msgspec.MsgspecError`: the service is of another version."""
    return _lines.decode(line)


def failed(error: EvictError) -> Failed:
    return Failed(code=error.code, exit_code=error.exit_code, text=error.text)
