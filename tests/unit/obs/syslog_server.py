# SPDX-License-Identifier: Apache-2.0
"""A syslog server that takes octet-counted messages over TLS and reads them strictly."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from contextlib import suppress
from typing import Any, Final

# RFC 5424 section 6: the ABNF, with the two elements of structured data that are expected.
MESSAGE: Final = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255})"
    r" (?P<app>[!-~]{1,48}) (?P<pid>[!-~]{1,128}) (?P<msgid>[!-~]{1,32})"
    r' \[meta sequenceId="(?P<sequence>[1-9]\d*)"\]'
    r'\[origin software="(?P<software>[^"\]\\]+)" swVersion="(?P<version>[^"\]\\]+)"\]'
    r" (?P<text>\{.*\})"
)


class SyslogServer:
    """Keeps what it took.

    Attributes:
        taken: header fields and, as `json`, the text.
        connections: how many were opened.
        stalled: it reads nothing while this is set.
    """

    def __init__(self, host: str, context: ssl.SSLContext) -> None:
        self.host = host
        self.port = 0
        self.taken: list[dict[str, Any]] = []
        self.connections = 0
        self.stalled = False
        self._context = context
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._client, self.host, self.port, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break every connection off, as a host that loses its power."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0)

    def numbers(self) -> list[int]:
        return [message["json"]["n"] for message in self.taken if "n" in message["json"]]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while not self.stalled:
                length = int(await reader.readuntil(b" "))
                self._take((await reader.readexactly(length)).decode("ascii"))
            await asyncio.Event().wait()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    def _take(self, message: str) -> None:
        match = MESSAGE.fullmatch(message)
        if match is None:
            raise ValueError(message)
        self.taken.append({**match.groupdict(), "json": json.loads(match["text"])})
