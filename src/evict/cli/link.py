# SPDX-License-Identifier: Apache-2.0
"""How a command reaches the control plane: its unix socket, or, without hooks, in this process."""

from __future__ import annotations

import asyncio
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from typing import Final

import msgspec

from evict.cli.output import CommandFailed
from evict.cli.token_file import token
from evict.config.model import Config
from evict.control import api
from evict.core.access import administrator
from evict.core.errors import Bug, NotAllowed, ServiceUnavailable, UsageError

_OURSELVES: Final = administrator("command line", person=f"uid:{os.getuid()}", where="command line")
"""Without hooks whoever may open the ledger's file is outside every guard on who may ask."""


def lines(config: Config, request: api.Request) -> Iterator[api.Told]:
    """Send one request and give what comes back, line by line, until `End`.

    Raises:
        CommandFailed: the control plane answered with an error.
        ServiceUnavailable: nobody answers and some server asks the agent, so that only
            `evict serve` may hold the state.
        NotAllowed: the socket is there, and this user may not connect.
        UsageError: an argument of the command is no text.
    """
    try:
        api.encode(request)
    except UnicodeEncodeError as error:
        raise UsageError("an argument of the command is not UTF-8") from error
    for line in _any_lines(config, request):
        if isinstance(line, api.Failed):
            raise CommandFailed(line.code, line.exit_code, line.text)
        yield line


def _any_lines(config: Config, request: api.Request) -> Iterator[api.Line]:
    connection = _connect(config)
    if connection is not None:
        with closing(connection):
            yield from _over(connection, request)
    elif config.has_hooks:
        raise ServiceUnavailable(
            f"`evict serve` does not answer on {config.control.socket}. Hooks are configured, so"
            " they refuse everybody while it is away: start it first."
        )
    else:
        yield from _embedded(config, request)


def _connect(config: Config) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(config.control.socket))
    except PermissionError as error:
        connection.close()
        raise NotAllowed(
            f"{config.control.socket}: not allowed to connect; run as root or as a member of the"
            " socket's group"
        ) from error
    except OSError:
        connection.close()
        return None
    return connection


def _over(connection: socket.socket, request: api.Request) -> Iterator[api.Line]:
    secret = token()
    message = api.encode(request) if secret is None else api.encode_with_token(request, secret)
    connection.sendall(message)
    with connection.makefile("rb") as stream:
        for raw in stream:
            try:
                line = api.decode_line(raw)
            except msgspec.MsgspecError as error:
                raise ServiceUnavailable(
                    "`evict serve` is of another version than this command: restart it"
                ) from error
            yield line
            if isinstance(line, api.End | api.Failed):
                return
    raise ServiceUnavailable(
        "`evict serve` ended in the middle. What was ordered stands in the ledger and goes on when"
        " it is started again: see `evict status`."
    )


def _embedded(config: Config, request: api.Request) -> Iterator[api.Line]:
    """Run the control plane in a thread of this process for one request."""
    from evict.control.service import ControlService  # noqa: PLC0415 - heavy, and rarely needed

    secret = token()
    told: queue.SimpleQueue[api.Line | BaseException | None] = queue.SimpleQueue()

    interrupt: list[Callable[[], object]] = []

    async def run() -> None:
        async with ControlService(config) as service:
            if isinstance(request, api.Watch):
                # It runs for as long as the command does, and ends with it.
                loop, task = asyncio.get_running_loop(), asyncio.current_task()
                interrupt.append(partial(loop.call_soon_threadsafe, task.cancel if task else int))
                await service.resume()
            try:
                asker = _OURSELVES
                if secret is not None:
                    asker = await service.access.by_token(secret, where="command line")
                async for line in service.answer(request, asker):
                    told.put(line)
            finally:
                await service.settle()

    def work() -> None:
        try:
            asyncio.run(run())
            told.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread
            told.put(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while (line := told.get()) is not None:
            if isinstance(line, BaseException):
                raise line
            yield line
    finally:
        for end in interrupt:
            with suppress(RuntimeError):  # its loop is over
                end()
        thread.join()


def answer(config: Config, request: api.Request) -> object:
    """The data of a look. Raises as `lines`."""
    for line in lines(config, request):
        if isinstance(line, api.Answer):
            return line.data
    raise Bug("the control plane ended without an answer")
