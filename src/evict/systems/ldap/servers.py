# SPDX-License-Identifier: Apache-2.0
"""Several servers as one directory: acted on at the first that answers, seen at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from evict.core.errors import Unreachable


class Served(Protocol):
    """One server."""

    @property
    def system(self) -> str: ...
    async def close(self) -> None: ...


P = TypeVar("P", bound=Served)
T = TypeVar("T")


class Servers(Generic[P]):
    """The servers of one directory, in the order in which they are tried."""

    def __init__(self, ports: tuple[P, ...]) -> None:
        self.ports = ports
        self._preferred = 0

    @property
    def system(self) -> str:
        return self.ports[0].system

    async def on_first(self, act: Callable[[P], Awaitable[T]]) -> T:
        """Let the first server that answers do it; the one that answered last is tried first.

        Raises:
            Unreachable: none answers; the text says why of each.
        """
        reasons: list[str] = []
        for step in range(len(self.ports)):
            index = (self._preferred + step) % len(self.ports)
            try:
                done = await act(self.ports[index])
            except Unreachable as error:
                reasons.append(error.text.removeprefix(f"{self.system}: "))
                continue
            self._preferred = index
            return done
        raise Unreachable("; ".join(reasons), system=self.system)

    async def close(self) -> None:
        for port in self.ports:
            await port.close()
