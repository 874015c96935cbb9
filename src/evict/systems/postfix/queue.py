# SPDX-License-Identifier: Apache-2.0
"""Queued mail of one sender: seen with postqueue, held and released with postsuper.

Spec: postqueue(1) of Postfix 3.7, JSON object format (one object a line); postsuper(1) (`-h -` and
`-H -` read queue ids from standard input).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.core.names import try_canonical, without_sub_address
from evict.systems.command import Tool

HOLD: Final = "hold"
_ID: Final = re.compile(r"[0-9A-Za-z]{5,32}")
"""Short ids are upper-case hexadecimal, long ones (enable_long_queue_ids) base 52. `ALL`, which
means every mail to postsuper, is too short for one."""
_MOVED: Final = re.compile(r"(?:Placed on|Released from) hold: (\d+) message")


class Mail(Struct, frozen=True):
    """One queued mail as `postqueue -j` tells it; recipients are not kept.

    Attributes:
        queue_name: "active", "deferred", "incoming", "maildrop" or "hold".
        sender: the envelope's; "" for a bounce.
    """

    queue_name: str
    queue_id: str
    sender: str

    @property
    def held(self) -> bool:
        return self.queue_name == HOLD


_decoder: Final = msgspec.json.Decoder(Mail)


def parse(text: str) -> tuple[Mail, ...]:
    """Read what `postqueue -j` prints.

    Raises:
        ValueError: one line is no mail: it might be the leaver's, so none is passed over.
    """
    mails = tuple(_decoder.decode(line) for line in text.splitlines() if line.strip())
    if not all(_ID.fullmatch(mail.queue_id) for mail in mails):
        raise ValueError("a queue id that is none")
    return mails


class Queue:
    """The queue of one Postfix.

    Args:
        look: how postqueue is run.
        move: how postsuper is run, which needs root.
    """

    def __init__(self, look: Tool, move: Tool, config_directory: Path) -> None:
        self._look = look
        self._move = move
        self._folder = str(config_directory)

    async def mails(self) -> tuple[Mail, ...]:
        """Everything that is queued, of everybody. Raises a `SystemFault`."""
        text, _ = await self._look.run(["postqueue", "-c", self._folder, "-j"])
        try:
            return parse(text)
        except ValueError as error:
            raise RemoteProtocolError(
                "postqueue's answer cannot be read", system=self._look.system
            ) from error

    async def hold(self, ids: Iterable[str]) -> int:
        """Put these mails on hold; how many that were: one may have left meanwhile."""
        return await self._super("-h", ids)

    async def release(self, ids: Iterable[str]) -> int:
        """Let these mails go on; how many that were."""
        return await self._super("-H", ids)

    async def _super(self, action: str, ids: Iterable[str]) -> int:
        wanted = list(ids)
        if not all(_ID.fullmatch(queue_id) for queue_id in wanted):
            raise RemoteProtocolError("a queue id that is none", system=self._move.system)
        feed = "".join(f"{queue_id}\n" for queue_id in wanted).encode("ascii")
        command = ["postsuper", "-c", self._folder, action, "-"]
        _, said = await self._move.run(command, feed=feed, changes=bool(wanted))
        return sum(int(count) for count in _MOVED.findall(said))


def of_sender(mails: Iterable[Mail], forms: Collection[str]) -> tuple[Mail, ...]:
    """The mails whose envelope sender is one of these canonical forms, sub-addresses included."""
    return tuple(mail for mail in mails if _is_from(mail.sender, forms))


def _is_from(sender: str, forms: Collection[str]) -> bool:
    form = try_canonical(sender)
    return form is not None and (form in forms or without_sub_address(form) in forms)
