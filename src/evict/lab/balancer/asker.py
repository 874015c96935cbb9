# SPDX-License-Identifier: Apache-2.0
"""Asks the hook before each request, as nginx's auth_request does: no answer is a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from msgspec import Struct

from evict.lab.balancer.channel import Broken, Channel, Reply
from evict.lab.balancer.words import HookAddress
from evict.lab.http.messages import Request

MOST_IDLE: Final = 64
_PASSED_ON: Final = frozenset({"authorization", "cookie"})


class Verdict(Enum):
    LET_THROUGH = auto()
    TO_LOGIN = auto()
    WHO = auto()
    REFUSED = auto()
    NO_ANSWER = auto()


class Said(Struct, frozen=True):
    """An answer of the hook.

    Attributes:
        login: as the hook wrote it, "" where the request is not identified.
        challenge: of `WHO`, the WWW-Authenticate header.
    """

    verdict: Verdict
    login: str = ""
    challenge: str = ""


class Asker:
    """Keeps connections to the hook; one that ended while it was idle is no answer yet."""

    def __init__(self, hook: HookAddress) -> None:
        self._hook = hook
        self._idle: list[Channel] = []

    async def ask(self, request: Request) -> Said:
        """Before this request goes on."""
        headers = [
            ("Host", "hook"),
            ("X-Original-URI", request.target),
            ("X-Original-Method", request.method),
            *((n, v) for n, v in request.headers if n.lower() in _PASSED_ON),
        ]
        reply = await self._exchange("/auth", headers)
        return _read(reply)

    async def renewed(self, request: Request, values: Iterable[str]) -> None:
        """Tell that the server issued a new cookie to whoever sent this request."""
        cookies = [(n, v) for n, v in request.headers if n.lower() == "cookie"]
        for value in values:
            headers = [("Host", "hook"), ("X-Evict-Renewed", value), *cookies]
            await self._exchange("/renewed", headers)

    async def _exchange(self, target: str, headers: list[tuple[str, str]]) -> Reply | None:
        try:
            async with asyncio.timeout(self._hook.timeout_s):
                while self._idle:
                    channel = self._idle.pop()
                    if not channel.alive:
                        channel.close()
                        continue
                    try:
                        return await self._on(channel, target, headers)
                    except Broken:
                        continue
                return await self._on(await self._open(), target, headers)
        except (Broken, TimeoutError, UnicodeEncodeError):
            return None

    async def _open(self) -> Channel:
        hook = self._hook
        return await Channel.open(
            hook.host, hook.port, tls=None, server_name="", timeout_s=hook.timeout_s
        )

    async def _on(self, channel: Channel, target: str, headers: list[tuple[str, str]]) -> Reply:
        try:
            reply = await channel.ask("GET", target, headers, b"")
        except BaseException:
            channel.close()
            raise
        if channel.alive and len(self._idle) < MOST_IDLE:
            self._idle.append(channel)
        else:
            channel.close()
        return reply

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _read(reply: Reply | None) -> Said:
    if reply is None:
        return Said(Verdict.NO_ANSWER)
    headers = {name.lower(): value for name, value in reply.headers}
    if reply.status == 204:
        return Said(Verdict.LET_THROUGH, login=headers.get("x-evict-login", ""))
    if reply.status == 401 and "x-evict-login-page" in headers:
        return Said(Verdict.TO_LOGIN)
    if reply.status == 401:
        return Said(Verdict.WHO, challenge=headers.get("www-authenticate", ""))
    return Said(Verdict.REFUSED if reply.status == 403 else Verdict.NO_ANSWER)
