# SPDX-License-Identifier: Apache-2.0
"""Two thousand live sessions and five hundred requests a second at the organisation's servers."""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import ssl
import time
import uuid
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

from bench.sheet import spread
from evict.lab.estate.layout import DOMAIN, FRONT_NAME, HTTPS_PORT, IMAP_PORT, POP3_PORT, Layout
from evict.lab.estate.people import Person, people
from evict.wire import ews, mapihttp

RATE: Final = 500
SESSIONS: Final = 2000
_MAIL_EACH: Final = 7
"""A user may have 16 connections of a kind (Set-ImapSettings MaxConnectionsPerUser)."""
_MAPI_EACH: Final = 3
_CONNECTIONS: Final = 16


class Load(Struct, frozen=True, kw_only=True):
    """What came of it."""

    sessions: int
    per_second: float
    errors: int
    p50_ms: float
    p99_ms: float
    rss_mib: float

    def as_dict(self) -> dict[str, Any]:
        return structs.asdict(self)


class Mailer:
    """One keep-alive connection that asks GetFolder with Basic."""

    def __init__(self, host: str, context: ssl.SSLContext, person: Person) -> None:
        self._host, self._context = host, context
        basic = base64.b64encode(f"{person.upn(DOMAIN)}:{person.password}".encode()).decode()
        body = ews.get_inbox()
        self._request = (
            f"POST {ews.PATH} HTTP/1.1\r\nHost: {FRONT_NAME}\r\nAuthorization: Basic {basic}\r\n"
            f"Content-Type: {ews.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    async def run(self, until: float, times: list[float]) -> int:
        """Ask at an even pace until then; how many went wrong."""
        reader, writer = await _open(self._host, HTTPS_PORT, self._context)
        errors, due = 0, time.monotonic()
        while (now := time.monotonic()) < until:
            await asyncio.sleep(max(due - now, 0))
            due += _CONNECTIONS / RATE
            begun = time.perf_counter()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
            times.append((time.perf_counter() - begun) * 1000)
            errors += not head.startswith(b"HTTP/1.1 200")
        writer.close()
        return errors


async def _open(
    host: str, port: int, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(host, port, ssl=context, server_hostname=FRONT_NAME)


async def _pop(host: str, context: ssl.SSLContext, person: Person) -> asyncio.StreamWriter:
    """A POP3 session that is logged in."""
    reader, writer = await _open(host, POP3_PORT, context)
    for line in ("", f"USER {person.upn(DOMAIN)}\r\n", f"PASS {person.password}\r\n"):
        writer.write(line.encode())
        if not (await reader.readline()).startswith(b"+OK"):
            raise ConnectionError("the organisation refused a session")
    return writer


async def _mapi(host: str, context: ssl.SSLContext, person: Person) -> asyncio.StreamWriter:
    """A MAPI session context, and the connection that made it."""
    reader, writer = await _open(host, HTTPS_PORT, context)
    body = mapihttp.connect_body(f"/cn={person.sam}")
    basic = base64.b64encode(f"{person.upn(DOMAIN)}:{person.password}".encode()).decode()
    fields = {
        **mapihttp.headers(mapihttp.CONNECT, str(uuid.uuid4()), 1),
        "Host": FRONT_NAME,
        "Authorization": f"Basic {basic}",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST {mapihttp.PATH} HTTP/1.1\r\n{head}\r\n".encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    if b"x-responsecode: 0" not in answer.lower():
        raise ConnectionError("the organisation refused a session")
    return writer


async def _idle(host: str, context: ssl.SSLContext, person: Person) -> asyncio.StreamWriter:
    """An IMAP session that waits for mail (IDLE)."""
    reader, writer = await _open(host, IMAP_PORT, context)
    await reader.readline()
    login = f'a LOGIN "{person.upn(DOMAIN)}" "{person.password}"\r\n'
    for line in (login, "b SELECT INBOX\r\n", "c IDLE\r\n"):
        writer.write(line.encode())
        while not (answer := await reader.readline()).startswith((line[:1].encode(), b"+")):
            if not answer:
                raise ConnectionError("the organisation refused a session")
    return writer


async def under_load(layout: Layout, seconds: float) -> Load:
    """Open the sessions, then ask."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    context = ssl.create_default_context(cafile=str(layout.ca_file))
    places = [
        (open_one, layout.server(name), person)
        for name in layout.servers
        for person in people()
        for open_one in (*[_idle] * _MAIL_EACH, *[_pop] * _MAIL_EACH, *[_mapi] * _MAPI_EACH)
    ]
    held: list[asyncio.StreamWriter] = []
    for at in range(0, min(SESSIONS, len(places)), 50):
        part = places[at : at + 50]
        held += await asyncio.gather(*(o(host, context, p) for o, host, p in part))
    times: list[float] = []
    host = layout.server(layout.servers[0])
    begun = time.monotonic()
    mailers = [Mailer(host, context, p) for p in people(_CONNECTIONS)]
    errors = sum(await asyncio.gather(*(m.run(begun + seconds, times) for m in mailers)))
    took = time.monotonic() - begun
    got = spread(times)
    rss = _rss_mib(layout)
    for writer in held:
        writer.close()
    return Load(
        sessions=len(held),
        per_second=len(times) / took,
        errors=errors,
        p50_ms=got["p50"],
        p99_ms=got["p99"],
        rss_mib=rss,
    )


def _rss_mib(layout: Layout) -> float:
    """Of the process that listens on the lab's control socket's folder."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            words = (status.parent / "cmdline").read_bytes().split(b"\0")
            text = status.read_text()
        except OSError:
            continue
        if b"lab" in words and os.fsencode(layout.folder) in words:
            line = next(x for x in text.splitlines() if x.startswith("VmRSS:"))
            return int(line.split()[1]) / 1024
    return 0.0
