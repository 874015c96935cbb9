# SPDX-License-Identifier: Apache-2.0
"""One organisation with everything that listens: started, kept in time, driven, stopped."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from evict.core.errors import ConfigError, UsageError
from evict.lab.certificates import Authority
from evict.lab.estate import control, listening
from evict.lab.estate.clock import LabClock
from evict.lab.estate.layout import DOMAIN, Layout
from evict.lab.estate.people import people
from evict.lab.estate.settings import write_settings
from evict.lab.estate.story import organisation
from evict.lab.model.organisation import Organisation
from evict.lab.model.predict import predict
from evict.lab.model.words import ModelError

_OUTSIDE: Final = "somebody@outside.example"
_FEWEST: Final = 7
"""Who leaves, and who has a right that leads to or from them: see `story`."""
_TICK_S: Final = 0.25
"""Longest wait between two looks at what fell due."""


class Options(Struct, frozen=True, kw_only=True):
    """What kind of organisation.

    Attributes:
        people: seven at least, who have something to do with each other; sixty at most.
        hook: the balancer asks Evict's hook, and refuses where nobody answers.
    """

    version: str = "2019"
    people: int = 60
    hook: bool = False


class Lab:
    """A running organisation."""

    def __init__(self, layout: Layout, options: Options) -> None:
        self.layout = layout
        self.options = options
        self.clock = LabClock()
        self._service_password = secrets.token_urlsafe(18)
        if not _FEWEST <= options.people <= len(people()):
            raise UsageError(f"the lab has {_FEWEST} to {len(people())} people")
        try:
            self.model: Organisation = organisation(
                options.version, options.people, layout, self.clock, self._service_password
            )
        except ValueError as error:
            raise UsageError(
                f"no Exchange {options.version!r}: 2010, 2013, 2016, 2019 or SE"
            ) from error

    def write_files(self, authority: Authority) -> None:
        """The trust anchor, and Evict's configuration."""
        authority.write_ca(self.layout.ca_file)
        write_settings(
            self.layout, self.options.version, self._service_password, hook=self.options.hook
        )

    async def keep_time(self) -> None:
        """Fire what falls due, in step with the clock."""
        while True:
            self.model.tick()
            due = self.model.next_due()
            left = _TICK_S if due is None else due - self.clock()
            await asyncio.sleep(min(max(left, 0.005), _TICK_S))

    def answer(self, command: control.Command) -> Any:
        """Do what the lab is told. Raises `UsageError` where it cannot be done."""
        try:
            return self._answer(command)
        except (ModelError, ValueError) as error:
            raise UsageError(str(error)) from error

    def _answer(self, command: control.Command) -> Any:
        match command:
            case control.Predict():
                return predict(self.model, self.model.directory.get(command.name).sam)
            case control.People():
                return people(self.options.people)
            case _:
                self._act(command)
                return self._status()

    def _act(self, command: control.Command) -> None:
        match command:
            case control.Advance():
                self.clock.advance(command.seconds)
                self.model.tick()
            case control.Disable():
                self.model.directory.disable(command.name)
            case control.Enable():
                self.model.directory.enable(command.name)
            case control.Deliver():
                if self.model.find_mailbox(command.to) is None:
                    raise UsageError(f"nobody here has a mailbox as {command.to!r}")
                self.model.deliver(_OUTSIDE, command.to, command.subject, command.body)

    def _status(self) -> dict[str, Any]:
        return {
            "version": self.options.version,
            "domain": DOMAIN,
            "ahead_s": self.clock.offset_s,
            "now": self.clock(),
            "sessions": len(self.model.sessions.live),
            "sign_ins_at_the_directory": self.model.directory.sign_ins,
        }


@asynccontextmanager
async def running(layout: Layout, options: Options) -> AsyncIterator[Lab]:
    """Everything up within the block, and nothing left behind after it.

    Raises:
        ConfigError: an address or a port cannot be had.
        UsageError: no such version.
    """
    layout.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lab = Lab(layout, options)
    authority = Authority()
    lab.write_files(authority)
    async with AsyncExitStack() as stack:
        try:
            await listening.start(stack, lab.model, layout, authority, hook=options.hook)
        except OSError as error:
            raise ConfigError(
                f"the lab cannot listen: {error.strerror}; does another one run?"
            ) from error
        driver = control.ControlServer(layout.control, lab.answer)
        await driver.start()
        stack.push_async_callback(driver.stop)
        ticking = asyncio.create_task(lab.keep_time())
        try:
            yield lab
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
