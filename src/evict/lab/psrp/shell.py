# SPDX-License-Identifier: Apache-2.0
"""One shell: a runspace pool, its pipelines, and what waits to be fetched."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from typing import Final

from psrpcore import (
    CreatePipelineEvent,
    EndOfPipelineInputEvent,
    GetAvailableRunspacesEvent,
    GetCommandMetadataEvent,
    PipelineInputEvent,
    PowerShell,
    ResetRunspaceStateEvent,
    SetMaxRunspacesEvent,
    SetMinRunspacesEvent,
)

from evict.lab.cmdlets.words import CmdletError
from evict.lab.psrp.commands import Commands
from evict.lab.psrp.convert import error_record, from_wire
from evict.lab.psrp.engine import Engine
from evict.lab.psrp.runspace import BadFragment, Event, Pipeline, Pool

_log = logging.getLogger(__name__)
_FRAGMENT: Final = 32 * 1024
"""Bytes of one outgoing fragment; an answer holds as many as fit."""
_OVERHEAD: Final = 4096
"""Bytes of an envelope around its streams."""


class Outbox:
    """What one pipeline, or the pool itself, has to say."""

    def __init__(self) -> None:
        self.items: deque[bytes] = deque()
        self.wake = asyncio.Event()
        self.done = False

    def put(self, data: bytes) -> None:
        self.items.append(data)
        self.wake.set()

    def finish(self) -> None:
        self.done = True
        self.wake.set()

    def take(self, limit: int) -> list[bytes]:
        out: list[bytes] = []
        size = 0
        while self.items and (not out or size + len(self.items[0]) <= limit):
            out.append(self.items.popleft())
            size += len(out[-1])
        if not self.items and not self.done:
            self.wake.clear()
        return out


class Running:
    """One pipeline: its input as it comes, and the task that runs it."""

    def __init__(self, pipe: Pipeline) -> None:
        self.pipe = pipe
        self.input: list[object] = []
        self.input_ended = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Shell:
    """Lives from Create to Delete.

    Attributes:
        owner: the only caller who may use it.
        used: when it was used last, on the loop's clock.
        closed: by whomever.
        waiting: requests for its output that are held.
    """

    def __init__(
        self, shell_id: str, owner: str, commands: Commands, version: str, max_envelope: int
    ) -> None:
        self.id = shell_id
        self.owner = owner
        self.max_envelope = max_envelope
        self.closed = False
        self.disconnected = False
        self.waiting = 0
        self.used = 0.0
        self._commands = commands
        self._pool = Pool(application_private_data={"SupportedVersions": version})
        self._outboxes: dict[uuid.UUID | None, Outbox] = {None: Outbox()}
        self._running: dict[uuid.UUID, Running] = {}

    # --- the wire ---
    def has(self, pipeline_id: uuid.UUID) -> bool:
        return pipeline_id in self._running

    @property
    def pipelines(self) -> int:
        return len(self._running)

    def open_pipeline(self, pipeline_id: uuid.UUID) -> None:
        """The library wants it to exist before the message that describes it."""
        self._running[pipeline_id] = Running(Pipeline(self._pool, pipeline_id))
        self._outboxes[pipeline_id] = Outbox()

    def feed(self, data: bytes) -> None:
        """Take fragments.

        Raises:
            BadFragment: the shell is of no more use.
        """
        for event in self._pool.feed(data):
            try:
                self._on(event)
            except (KeyError, ValueError, AttributeError) as wrong:
                raise BadFragment(type(wrong).__name__) from None
        self.flush()

    def flush(self) -> None:
        """Empty the library's queue, lest one pipeline waits for what another has in it."""
        while (payload := self._pool.data_to_send(_FRAGMENT)) is not None:
            outbox = self._outboxes.get(payload.pipeline_id)
            if outbox is not None:
                outbox.put(payload.data)

    async def read(
        self, pipeline_id: uuid.UUID | None, timeout_s: float, gone: asyncio.Event
    ) -> tuple[list[bytes], bool]:
        """Wait for output; gives it, and whether it was the last.

        Args:
            gone: the client does not wait any more.
        """
        outbox = self._outboxes.get(pipeline_id)
        if outbox is None:
            return [], True
        self.waiting += 1
        try:
            await _either(outbox.wake, gone, timeout_s)
        finally:
            self.waiting -= 1
        if gone.is_set():
            return [], False
        room = (self.max_envelope - _OVERHEAD) // 4 * 3
        data = outbox.take(room)
        return data, outbox.done and not outbox.items

    # --- events ---
    def _on(self, event: Event) -> None:
        if isinstance(event, CreatePipelineEvent | GetCommandMetadataEvent):
            self._start(self._running[event.pipeline_id])
        elif isinstance(event, PipelineInputEvent):
            self._running[event.pipeline_id].input.append(from_wire(event.data))
        elif isinstance(event, EndOfPipelineInputEvent):
            self._running[event.pipeline_id].input_ended.set()
        elif isinstance(
            event, SetMaxRunspacesEvent | SetMinRunspacesEvent | ResetRunspaceStateEvent
        ):
            self._pool.runspace_availability_response(event.ci, True)  # noqa: FBT003
        elif isinstance(event, GetAvailableRunspacesEvent):
            busy = sum(1 for running in self._running.values() if not running.pipe.ended)
            free = max(0, self._pool.max_runspaces - busy)
            self._pool.runspace_availability_response(event.ci, free)

    def _start(self, running: Running) -> None:
        if running.task is not None:
            raise ValueError("it runs")
        running.task = asyncio.get_running_loop().create_task(self._run(running))

    async def _run(self, running: Running) -> None:
        pipe = running.pipe
        pipe.start()
        try:
            incoming: list[object] | None = None
            if isinstance(pipe.metadata, PowerShell) and not pipe.metadata.no_input:
                await running.input_ended.wait()
                incoming = running.input
            await Engine(pipe, self._commands, self.owner, incoming, self.flush).run()
            pipe.complete()
        except CmdletError as error:
            pipe.fail(error_record(error, _first_command(pipe)))
        except Exception as bug:  # noqa: BLE001 - a client must not hang on a cmdlet's mistake
            _log.exception("a cmdlet failed")
            failed = CmdletError(
                type(bug).__name__, "InvalidOperationException", category="NotSpecified"
            )
            pipe.fail(error_record(failed, _first_command(pipe)))
        finally:
            self._finish(running)

    def _finish(self, running: Running) -> None:
        pipe = running.pipe
        if not pipe.ended:
            pipe.stop()
        self.flush()
        outbox = self._outboxes.get(pipe.pipeline_id)
        if outbox is not None:
            outbox.finish()

    # --- ending ---
    async def stop(self, pipeline_id: uuid.UUID) -> None:
        """End it where it stands; what it wrote can still be fetched."""
        running = self._running.get(pipeline_id)
        if running is None:
            return
        if running.task is not None:
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)
        if not running.pipe.ended:  # the task was cancelled before its first step
            running.pipe.start()
            self._finish(running)

    async def release(self, pipeline_id: uuid.UUID) -> None:
        """The client has no more to ask of it."""
        await self.stop(pipeline_id)
        running = self._running.pop(pipeline_id, None)
        if running is not None:
            running.pipe.close()
        outbox = self._outboxes.pop(pipeline_id, None)
        if outbox is not None:
            outbox.finish()

    async def close(self) -> None:
        self.closed = True
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for outbox in self._outboxes.values():
            outbox.finish()


def _first_command(pipe: Pipeline) -> str:
    commands = pipe.metadata.commands if isinstance(pipe.metadata, PowerShell) else []
    return "" if not commands or commands[0].is_script else str(commands[0].command_text)


async def _either(one: asyncio.Event, other: asyncio.Event, timeout_s: float) -> None:
    """Wait until one of them is set, or the time is over."""
    if one.is_set() or other.is_set():
        return
    waits = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
