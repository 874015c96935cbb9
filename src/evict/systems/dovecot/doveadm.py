# SPDX-License-Identifier: Apache-2.0
"""Client of Dovecot's doveadm HTTP API: several commands in one request, answers by tag.

Spec: Dovecot 2.3 documentation, Doveadm HTTP API (a JSON array of [command, parameters, tag];
`Authorization: X-Dovecot-API <base64 key>`).
Quirk: Dovecot 2.3.19 closes the connection after each answer, so each request costs a process of
its own, about 9 ms; a further command in the same request costs 0.1 ms.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import httpx2
import msgspec
from msgspec import Struct

from evict.core.errors import (
    AccessRefused,
    RemoteProtocolError,
    SystemFault,
    Uncertain,
    Unreachable,
    Unsupported,
)
from evict.core.secret import Secret

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes. A row of `who` takes about 90, so half a million sessions fit."""
NOBODY: Final = 68
"""sysexits(3) EX_NOHOST: `kick` found no session, a Sieve script is not there."""
NO_USER: Final = 67
"""sysexits(3) EX_NOUSER."""

_answer_decoder: Final = msgspec.json.Decoder(list[list[Any]])


class Command(Struct, frozen=True):
    """One doveadm command with its parameters, as the API spells them."""

    name: str
    parameters: dict[str, str | bool | list[str]] = {}


class Answer(Struct, frozen=True, kw_only=True):
    """What came back for one command.

    Attributes:
        rows: field name -> value, as text; empty after an error.
        exit_code: as sysexits(3); 0 after success.
        error: "" after success; else the API's word ("exitCode", "unknownMethod", ...).
    """

    rows: tuple[dict[str, str], ...] = ()
    exit_code: int = 0
    error: str = ""


_PROTOCOLS: Final = {"sieve": "managesieve"}


class Session(Struct, frozen=True):
    """One live session: the login name in the server's spelling, and its protocol.

    Quirk: Dovecot 2.3.19 lists a ManageSieve session as service `sieve`.
    """

    username: str
    protocol: str


class Script(Struct, frozen=True):
    """One Sieve script of a mailbox."""

    name: str
    active: bool


def flush(forms: Iterable[str]) -> Command:
    """Take these users out of the authentication cache; none at all means everybody.

    Quirk: Dovecot 2.3.19's doveadm process dies when `user` is left out; an empty list works.
    """
    return Command("authCacheFlush", {"user": list(forms)})


def kick(username: str) -> Command:
    """End the sessions of one user; the mask is matched without regard to case.

    Quirk: Dovecot 2.3.19 takes one user a command (two are exit code 64), reads `*` and `?` as
    wildcards, and takes a name that reads as an address for one (`kickable`).
    """
    return Command("kick", {"mask": [username]})


def who() -> Command:
    """List every live session, one row each.

    Quirk: Dovecot 2.3.19 without `separateConnections` closes the list of rows after the first one
    and puts the others beside it.
    """
    return Command("who", {"separateConnections": True})


def kickable(username: str) -> bool:
    """Whether `kick` with this name ends this user's sessions and nobody else's.

    Quirk: Dovecot 2.3.19 takes what inet_aton(3) reads (`1.2`, `0x7f`, `10.0.0.7/8`, not plain
    digits) for an address, and ends everybody's sessions from there.
    """
    if any(sign in username for sign in "*?"):
        return False
    if username.isdigit():
        return True
    host = username.partition("/")[0]
    return not (_parses(socket.inet_aton, host) or _parses(_inet6, host))


def _inet6(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, host)


def _parses(read: Callable[[str], bytes], host: str) -> bool:
    try:
        read(host)
    except (OSError, ValueError):
        return False
    return True


class Doveadm:
    """Talks to one doveadm listener. Safe to use from several tasks at once.

    Args:
        url: of the API, `http://host:port/doveadm/v1`.
        api_key: doveadm_api_key.
        system: the system's name in the configuration, for errors.
        timeout_s: for one whole request, connecting included.
    """

    def __init__(self, url: str, api_key: Secret, *, system: str, timeout_s: float = 5.0) -> None:
        self._url = url
        self._system = system
        self._timeout_s = timeout_s
        token = base64.b64encode(api_key.reveal().encode()).decode("ascii")
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"X-Dovecot-API {token}"}, trust_env=False, timeout=timeout_s
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def run(self, commands: Sequence[Command]) -> tuple[Answer, ...]:
        """Send the commands in one request; the answers come in the order of the commands.

        Raises:
            Unreachable: nothing was sent.
            AccessRefused: the API key is wrong.
            RemoteProtocolError: the answer makes no sense.
            Uncertain: sent, and no whole answer came.
        """
        body = msgspec.json.encode([[c.name, c.parameters, str(n)] for n, c in enumerate(commands)])
        try:
            async with asyncio.timeout(self._timeout_s):
                status, content = await self._post(body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise Unreachable(
                f"doveadm does not answer at {self._url}", system=self._system
            ) from error
        except (httpx2.TransportError, TimeoutError) as error:
            raise Uncertain(
                f"doveadm at {self._url} took the request and did not answer it",
                system=self._system,
            ) from error
        if status in (401, 403):
            raise AccessRefused("doveadm refuses the API key", system=self._system)
        if status != 200:
            raise RemoteProtocolError(f"doveadm answers HTTP {status}", system=self._system)
        return self._answers(content, len(commands))

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        content = bytearray()
        headers = {"Content-Type": "application/json"}
        async with self._client.stream(
            "POST", self._url, content=body, headers=headers
        ) as response:
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_ANSWER:
                    raise RemoteProtocolError("doveadm's answer has no end", system=self._system)
            return response.status_code, bytes(content)

    def _answers(self, content: bytes, count: int) -> tuple[Answer, ...]:
        """Put the answers in order by tag; one that is missing, or a stranger, is an error."""
        answers: dict[str, Answer] = {}
        try:
            for item in _answer_decoder.decode(content):
                kind, *parts, tag = item
                answers[tag] = _failure(parts) if kind == "error" else _success(kind, parts)
            return tuple(answers[str(n)] for n in range(count))
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
            raise RemoteProtocolError(
                "doveadm's answer cannot be read", system=self._system
            ) from error

    async def who(self) -> tuple[Session, ...]:
        """Every live session of everybody. SMTP sessions are Postfix's and are not listed."""
        (answer,) = await self.run([who()])
        return self.sessions(answer)

    def sessions(self, answer: Answer) -> tuple[Session, ...]:
        """Read the answer to `who`. Raises a `SystemFault` where it failed."""
        rows = self.rows(answer)
        if any("username" not in row or "service" not in row for row in rows):
            raise RemoteProtocolError("who lists something without a name", system=self._system)
        return tuple(
            Session(row["username"], _PROTOCOLS.get(row["service"], row["service"])) for row in rows
        )

    async def sieve_list(self, user: str) -> tuple[Script, ...]:
        """The Sieve scripts of a mailbox; none where the user has no mailbox here."""
        (answer,) = await self.run([Command("sieveList", {"user": user})])
        if answer.exit_code == NO_USER:
            return ()
        rows = self.rows(answer)
        return tuple(Script(r.get("script", ""), r.get("active") == "ACTIVE") for r in rows)

    async def sieve_get(self, user: str, script: str) -> str | None:
        """A script's text; None where it is not there."""
        (answer,) = await self.run([Command("sieveGet", {"user": user, "scriptname": script})])
        if answer.exit_code in (NOBODY, NO_USER):
            return None
        rows = self.rows(answer)
        if len(rows) != 1 or "sieve script" not in rows[0]:
            raise RemoteProtocolError("sieveGet answers without a script", system=self._system)
        return rows[0]["sieve script"]

    async def sieve_deactivate(self, user: str) -> None:
        """Leave the mailbox without an active script; succeeds where there is none."""
        (answer,) = await self.run([Command("sieveDeactivate", {"user": user})])
        self.rows(answer)

    async def sieve_activate(self, user: str, script: str) -> None:
        """Make one script the active one. Raises where it is not there."""
        (answer,) = await self.run([Command("sieveActivate", {"user": user, "scriptname": script})])
        self.rows(answer)

    def rows(self, answer: Answer) -> tuple[dict[str, str], ...]:
        """The rows of a success; a failure is raised as the `SystemFault` it is."""
        if answer.error:
            raise self._fault(answer)
        return answer.rows

    def _fault(self, answer: Answer) -> SystemFault:
        if answer.error == "unknownMethod":
            return Unsupported("doveadm does not know the command", system=self._system)
        if answer.error == "exitCode" and answer.exit_code == 77:
            return AccessRefused("doveadm lacks the permission", system=self._system)
        if answer.error == "exitCode" and answer.exit_code == 75:
            return Uncertain("doveadm failed for now (exit code 75)", system=self._system)
        text = f"doveadm failed ({answer.error}, exit code {answer.exit_code})"
        return RemoteProtocolError(text, system=self._system)


def _failure(parts: list[Any]) -> Answer:
    (what,) = parts
    return Answer(error=str(what["type"]), exit_code=int(what["exitCode"]))


def _success(kind: Any, parts: list[Any]) -> Answer:
    if kind != "doveadmResponse":
        raise ValueError("neither a response nor an error")
    rows: list[dict[str, str]] = []
    for part in parts:
        listed = part if isinstance(part, list) else [part]
        rows += [{str(key): str(value) for key, value in row.items()} for row in listed]
    return Answer(rows=tuple(rows))
