# SPDX-License-Identifier: Apache-2.0
"""The numbered feed between control plane and agents: messages and framing, sans-I/O.

One connection an agent. The agent says hello with what it has; the control plane sends what is
missing, then pushes each entry as it is stored. The agent acknowledges each as soon as its hooks
refuse, and reports what its cutters did. Frames: 4 bytes big-endian length, then MessagePack.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from evict.core.errors import RemoteProtocolError

MAX_FRAME: Final = 64 * 1024 * 1024
"""Bytes. 10,000 entries of 1 KiB with their forms take about 10 MiB."""


class Hello(Struct, frozen=True, kw_only=True, tag="hello"):
    """Agent: who it is and how far its replica reaches (seq 0 and hash b"": it has none).

    Attributes:
        version: of what both sides must understand; 1.
        takes: tags of further messages that it understands: others are not sent to it, and an
            older control plane passes over this field.
    """

    agent: str
    seq: int
    hash: bytes
    hooks: tuple[str, ...]
    version: int = 1
    takes: tuple[str, ...] = ()


class WireEntry(Struct, frozen=True, kw_only=True, array_like=True):
    """An entry as agents need it: chain and login forms, no reason and no actor."""

    raw: bytes
    prev: bytes
    hash: bytes
    forms: tuple[str, ...]


class Entries(Struct, frozen=True, kw_only=True, tag="entries"):
    """Control plane: entries in order. `whole`: the first one begins the chain anew.

    `caught_up`: the agent now has everything; a new agent refuses everybody until it was told so.
    """

    entries: tuple[WireEntry, ...]
    whole: bool
    caught_up: bool


class Acknowledge(Struct, frozen=True, kw_only=True, tag="ack"):
    """Agent: every hook refuses by what stands up to `seq`. `at` is the agent's clock, UTC."""

    seq: int
    at: datetime


class CutStep(Struct, frozen=True, kw_only=True, tag="cut"):
    """Agent: one step of the cutter loop of one system for one entry.

    Attributes:
        step: "flush", "kick", "look", "quiet" (nothing was left for long enough) or "failed".
        count: cache entries flushed, sessions kicked, sessions seen.
        left: sessions per protocol that the last look saw.
        detail: operator's text, no names and no secrets.
    """

    seq: int
    system: str
    step: str
    at: datetime
    count: int = 0
    left: dict[str, int] = {}
    detail: str = ""


class Beat(Struct, frozen=True, kw_only=True, tag="beat"):
    """Either side, when idle; the control plane's carries the newest sequence number."""

    seq: int


class CutAgain(Struct, frozen=True, kw_only=True, tag="cut-again"):
    """Control plane: run the cutters once more for the account of this entry.

    Sent when a case is looked at again (a restart, a second order): the steps are reported as
    those of a new entry are. An agent that does not have the entry yet, or has a newer one of the
    same account, ignores it.
    """

    seq: int


class Announcement(Struct, frozen=True, kw_only=True, array_like=True):
    """One account that is to be refused from an instant on, whoever is away by then.

    Attributes:
        id: of the schedule.
        forms: canonical login forms.
        at: aware UTC.
    """

    id: str
    account: str
    forms: tuple[str, ...]
    at: datetime


ANNOUNCED: Final = "announced"


class Announced(Struct, frozen=True, kw_only=True, tag=ANNOUNCED):
    """Control plane: the whole list of announced leavers; it takes the place of the one before.

    Sent to agents that take it, when they have every entry, and at each change. Who is not on it
    any more is let in again, unless an entry says otherwise.

    Attributes:
        number: of this list, counted by the control plane since its start; for `Listed`.
    """

    number: int
    people: tuple[Announcement, ...]


class Listed(Struct, frozen=True, kw_only=True, tag="listed"):
    """Agent: it has this list of announced leavers, and refuses each from its instant on."""

    number: int


FromAgent = Hello | Acknowledge | CutStep | Beat | Listed
FromControl = Entries | Beat | CutAgain | Announced

_encoder: Final = msgspec.msgpack.Encoder()
_agent_decoder: Final[msgspec.msgpack.Decoder[FromAgent]] = msgspec.msgpack.Decoder(FromAgent)
_control_decoder: Final[msgspec.msgpack.Decoder[FromControl]] = msgspec.msgpack.Decoder(FromControl)


def encode(message: FromAgent | FromControl) -> bytes:
    """One frame."""
    payload = _encoder.encode(message)
    return len(payload).to_bytes(4, "big") + payload


class Frames:
    """Cuts a byte stream into payloads. Raises `RemoteProtocolError` on an oversized frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        payloads = []
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:4], "big")
            if length > MAX_FRAME:
                raise RemoteProtocolError(f"frame of {length} bytes", system="feed")
            if len(self._buffer) < 4 + length:
                break
            payloads.append(bytes(self._buffer[4 : 4 + length]))
            del self._buffer[: 4 + length]
        return payloads


def decode_from_agent(payload: bytes) -> FromAgent:
    """Raises `RemoteProtocolError`."""
    try:
        return _agent_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteProtocolError("not a message of an agent", system="feed") from error


def decode_from_control(payload: bytes) -> FromControl:
    """Raises `RemoteProtocolError`."""
    try:
        return _control_decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise RemoteProtocolError("not a message of a control plane", system="feed") from error
