# SPDX-License-Identifier: Apache-2.0
"""A connection that reads searches without the codec, and can wait for what nobody asked anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from anyldap.protocols import pureldap
from msgspec import Struct

from evict.core.errors import Unreachable
from evict.systems.active_directory.watch import lean
from evict.systems.active_directory.watch.lean import Done, Reference
from evict.systems.ldap.connection import Connection
from evict.systems.ldap.filters import Filter
from evict.systems.ldap.messages import Control, Entry, Malformed

_MAX_ENTRIES: Final = 200_000


class Question(Struct, frozen=True, kw_only=True):
    """A search as it is sent; the same one may be sent again once it was answered."""

    id: int
    octets: bytes


class Found(Struct, frozen=True, kw_only=True):
    """All answers to one search."""

    entries: list[Entry]
    referred: bool
    done: Done


def question(
    base: str, scope: int, what: Filter, attributes: Sequence[str], controls: Sequence[Control]
) -> Question:
    request = pureldap.LDAPSearchRequest(
        baseObject=base, scope=scope, filter=what, attributes=list(attributes)
    )
    message = pureldap.LDAPMessage(request, controls=list(controls) or None)
    return Question(id=message.id, octets=message.toWire())


class Talk(Connection):
    """As `Connection`: one question at a time."""

    @property
    def alive(self) -> bool:
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def search(self, asked: Question) -> Found:
        """Raises `Unreachable` without a whole answer, `RemoteProtocolError` for what is none."""
        within = self._target.timeouts.answer_s
        try:
            async with asyncio.timeout(within):
                return await self._search(asked)
        except (OSError, EOFError, Malformed) as error:
            raise self._told(error, Unreachable, within) from error

    async def _search(self, asked: Question) -> Found:
        self._writer.write(asked.octets)
        entries: list[Entry] = []
        referred = False
        while len(entries) < _MAX_ENTRIES:
            answer = await self._one(asked.id)
            if isinstance(answer, Entry):
                entries.append(answer)
            elif isinstance(answer, Reference):
                referred = True
            else:
                self._used_at = asyncio.get_running_loop().time()
                return Found(entries=entries, referred=referred, done=answer)
        raise Malformed("answers without end")

    async def listen(self, asked: Question) -> AsyncIterator[Entry | Done]:
        """Answers for as long as they come. Raises `Unreachable`, `RemoteProtocolError`."""
        try:
            self._writer.write(asked.octets)
            while True:
                answer = await self._one(asked.id)
                if not isinstance(answer, Reference):
                    yield answer
        except (OSError, EOFError, Malformed) as error:
            raise self._told(error, Unreachable, 0.0) from error

    async def _one(self, number: int) -> Entry | Reference | Done:
        got, answer = lean.read(await self._frame())
        if got != number:
            raise Malformed("an answer to a question nobody asked")
        return answer
