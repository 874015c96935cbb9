# SPDX-License-Identifier: Apache-2.0
"""What can be asked of the control plane: one JSON line in, JSON lines out, over a unix socket.

Answers are `Event`s, then exactly one `End` or one `Failed`.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from evict.control.progress import Event
from evict.core.errors import EvictError, ExitCode, UsageError

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


class LedgerCall(Struct, frozen=True, kw_only=True, tag="ledger", forbid_unknown_fields=True):
    """`verify`, `show`, `backup`, `erase` on the running ledger."""

    what: str
    argument: str = ""


Request = Revoke | Reinstate | Look | LedgerCall


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """The result of a look: plain JSON."""

    data: object


class Password(Struct, frozen=True, kw_only=True, tag="password"):
    """The fresh password of a reinstatement: told once, to the one who asked, stored nowhere."""

    account: str
    password: str


class End(Struct, frozen=True, kw_only=True, tag="end"):
    exit_code: ExitCode


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    code: str
    exit_code: ExitCode
    text: str


Told = Event | Answer | Password | End
"""What comes of a request that was not refused as a whole."""

Line = Told | Failed

_encoder: Final = msgspec.json.Encoder()
_requests: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_lines: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)


def encode(message: Request | Line) -> bytes:
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """Raises `UsageError`."""
    try:
        return _requests.decode(line)
    except msgspec.MsgspecError as error:
        raise UsageError(f"not a request of this version: {error}") from error


def decode_line(line: bytes) -> Line:
    """Raises `msgspec.MsgspecError`: the service is of another version."""
    return _lines.decode(line)


def failed(error: EvictError) -> Failed:
    return Failed(code=error.code, exit_code=error.exit_code, text=error.text)
