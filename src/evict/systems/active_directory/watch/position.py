# SPDX-License-Identifier: Apache-2.0
"""Where a watch goes on, bound to the server that said so. Opaque to everybody else."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from evict.systems.base import PositionLost


class Position(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A DirSync cookie, or an update number.

    Quirk: Samba 4.17 answers a cookie of its own later state (it was restored from a copy) with
    "nothing changed", for as long as it takes to get there; so that is looked at here.

    Attributes:
        invocation: the database of the controller (invocationId); a restored one has another.
        host: the controller's name, for people.
        domain: objectSid of the domain.
        scope: what was watched: other settings need a full comparison.
        usn: the server's highest update number of then; it may never fall.
    """

    kind: Literal["dirsync", "usn"]
    invocation: str
    host: str
    domain: str
    scope: str
    usn: int
    cookie: bytes = b""


_DECODER: Final = msgspec.json.Decoder(Position)


def encode(position: Position) -> bytes:
    return msgspec.json.encode(position)


def decode(octets: bytes, system: str) -> Position:
    """Raises `PositionLost`."""
    try:
        return _DECODER.decode(octets)
    except (ValueError, msgspec.MsgspecError) as error:
        raise PositionLost("the stored position cannot be read", system=system) from error
