# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from evict.control import api
from evict.core.access import Asker
from evict.core.errors import Bug, ExitCode

Told = Callable[[Any, Asker], AsyncIterator[api.Line]]
Data = Callable[[Any, Asker], Awaitable[object]]


class Desk:
    """Hands each request to the part that answers it.

    Args:
        told: kind of request -> who answers it in lines, the end among them.
        data: kind of request -> who answers it in one piece.
    """

    def __init__(self, *, told: Mapping[type, Told], data: Mapping[type, Data]) -> None:
        self._told = told
        self._data = data

    async def answer(self, request: api.Request, asker: Asker) -> AsyncIterator[api.Line]:
        """Everything that comes of it; raises `EvictError` where it comes to nothing."""
        kind = type(request)
        if kind in self._told:
            async for line in self._told[kind](request, asker):
                yield line
        elif kind in self._data:
            yield api.Answer(data=await self._data[kind](request, asker))
            yield api.End(exit_code=ExitCode.OK)
        else:
            raise Bug(f"nobody answers a {kind.__name__}")
