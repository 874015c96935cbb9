# SPDX-License-Identifier: Apache-2.0
"""Answers the servers' hooks in place of Evict's agent, to prove the estate itself.

Says yes to everybody who is not in `closed`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from types import TracebackType
from typing import Any, Self

from estate import layout as at
from estate.layout import Layout


class StandIn:
    """Both hooks, in a thread. While it runs, no agent can.

    Attributes:
        closed: names that are refused, lower case, without domain.
        policy_questions: Dovecot's, as sent.
        postfix_questions: Postfix's, as sent.
        keys: values of X-API-Key that came with Dovecot's questions.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self.closed: set[str] = set()
        self.policy_questions: list[dict[str, Any]] = []
        self.postfix_questions: list[dict[str, str]] = []
        self.keys: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the stand-in does not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        servers = self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._hang_up(servers))
        self._loop.close()
        self._layout.policy_socket.unlink(missing_ok=True)

    async def _listen(self) -> list[asyncio.Server]:
        path = self._layout.policy_socket
        path.unlink(missing_ok=True)
        ip = self._layout.ip
        servers = [
            await asyncio.start_server(self._dovecot, ip, at.AUTH_POLICY),
            await asyncio.start_server(self._postfix, ip, at.POLICY_TCP),
            await asyncio.start_unix_server(self._postfix, path),
        ]
        shutil.chown(path, group="postfix")
        path.chmod(0o660)
        return servers

    async def _hang_up(self, servers: list[asyncio.Server]) -> None:
        """Every question finds its end of file, so that no task has to be cancelled."""
        for server in servers:
            server.close()
        for writer in self._writers:
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    def _refused(self, *names: str) -> bool:
        return any(name.partition("@")[0].lower() in self.closed for name in names)

    async def _dovecot(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await reader.readline():
                length = 0
                while header := (await reader.readline()).decode().strip():
                    name, _, value = header.partition(":")
                    if name.lower() == "content-length":
                        length = int(value)
                    if name.lower() == "x-api-key":
                        self.keys.add(value.strip())
                question = json.loads(await reader.readexactly(length))
                self.policy_questions.append(question)
                refused = self._refused(question["login"], question["requested"])
                body = json.dumps({"status": -1 if refused else 0, "msg": ""}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _postfix(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            question: dict[str, str] = {}
            while line := (await reader.readline()).decode():
                if line != "\n":
                    name, _, value = line.rstrip("\n").partition("=")
                    question[name] = value
                    continue
                self.postfix_questions.append(question)
                refused = self._refused(question.get("sasl_username", ""))
                answer = "521 5.7.1 Access denied" if refused else "DUNNO"
                writer.write(f"action={answer}\n\n".encode())
                question = {}
        finally:
            self._writers.discard(writer)
            writer.close()
