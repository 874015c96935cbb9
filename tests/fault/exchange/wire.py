# SPDX-License-Identifier: Apache-2.0
"""The way to a server's shell: it can end in the middle of a talk, and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import structs

from evict.config.model import Config
from evict.lab.estate.layout import HTTPS_PORT
from tests.lab.place import Place
from tests.unit.systems.exchange.cutting import Cutter, never


class Wire(Cutter):
    """To the Exchange shell of the first server.

    Attributes:
        dies_when: once this is so, what is sent arrives no more and nobody is let through, until
            `mend`.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place.layout.server(place.layout.servers[0]), HTTPS_PORT)
        self.dies_when: Callable[[], bool] = never
        self.dead = False

    def mend(self) -> None:
        self.dies_when, self.cut_when, self.dead = never, never, False

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            writer.close()
            return
        await super()._carry(reader, writer)

    async def _one_way(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        if answers:
            await super()._one_way(source, sink, answers=True)
            return
        while data := await source.read(65_536):
            self.dead = self.dead or self.dies_when()
            if self.dead:
                return
            sink.write(data)
            await sink.drain()

    def through(self, config: Config) -> Config:
        """Evict's settings, with this on its way."""
        (section,) = config.exchange
        url = f"https://{self._address}:{self.port}/PowerShell"
        return exchange(config, shell_url=url, name=section.name)


def exchange(config: Config, **more: object) -> Config:
    """The settings with something else in their one Exchange section."""
    (section,) = config.exchange
    return structs.replace(config, exchange=(structs.replace(section, **more),))


def patience(config: Config, seconds: float) -> Config:
    """How long one look at all doors may take."""
    return structs.replace(config, control=structs.replace(config.control, case_timeout_s=seconds))
