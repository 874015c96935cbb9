# SPDX-License-Identifier: Apache-2.0
"""A phone as far as a probe needs one: it provisions itself, lists folders, is held by a Ping."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import Final

import httpx2

from evict.core.endpoint import Endpoint
from evict.core.errors import SystemFault, Unsupported
from evict.probes import http
from evict.probes.base import Login
from evict.probes.transcript import Transcript
from evict.wire import activesync_requests as requests
from evict.wire.activesync import CONTENT_TYPE, PATH, write_body
from evict.wire.activesync_query import Query
from evict.wire.activesync_reading import ENDED, Reply, read_reply
from evict.wire.wbxml import Element

_VERSIONS: Final = ("16.1", "16.0", "14.1", "14.0", "12.1")
"""Spoken here, the best first."""
_TYPE: Final = "EvictProbe"
_GRACE_S: Final = 30.0


def device_id(login: Login, purpose: str) -> str:
    """The same at each try, so that one partnership is left at most; 32 characters.

    A witness and a negative login differ: the block of the one must not be taken for a refusal of
    the person at the other.
    """
    text = f"{purpose}\0{login.name.casefold()}".encode()
    return "EVICTPROBE" + hashlib.sha256(text).hexdigest()[:22].upper()


class Phone:
    """Speaks with one server; raises `SystemFault` for what is no answer. Close it."""

    def __init__(
        self, endpoint: Endpoint, login: Login, purpose: str, transcript: Transcript
    ) -> None:
        self.endpoint = endpoint
        self.transcript = transcript
        self.timeout_s = login.timeout_s
        self.inbox = ""
        self.ping_sent = asyncio.Event()
        self._login = login
        self._device = device_id(login, purpose)
        self._authorization = http.basic(login)
        self._client = http.client(endpoint, login)
        self._version = ""
        self._policy_key = 0
        self._sync_key = "0"

    async def close(self) -> None:
        """Never raises."""
        with contextlib.suppress(httpx2.HTTPError, OSError, RuntimeError):
            await self._client.aclose()

    async def come_in(self) -> Reply:
        """Sign in without a mailbox, then list its folders."""
        reply = await self._options()
        return await self.folders() if self._version else reply

    async def folders(self) -> Reply:
        """FolderSync from where the phone is; provisions itself where it is told to."""
        reply = await self._folders()
        if reply.asks_to_provision and await self._provision():
            reply = await self._folders()
        return reply

    async def sync(self) -> Reply:
        """Begin to synchronise the inbox anew: what comes back is a key, and no mail."""
        return await self.ask("Sync", requests.sync(self.inbox, "0", version=self._version))

    async def ping(self, heartbeat_s: int) -> Reply:
        """Be held for a heartbeat at most; `ping_sent` is set as soon as it is on its way."""
        root = requests.ping(heartbeat_s, (self.inbox,))
        return await self.ask("Ping", root, held_s=heartbeat_s + _GRACE_S)

    async def ask(self, command: str, root: Element, *, held_s: float = 0.0) -> Reply:
        query = Query(
            command=command,
            device_id=self._device,
            device_type=_TYPE,
            user=self._login.name,
        )
        headers = {
            "Content-Type": CONTENT_TYPE,
            "MS-ASProtocolVersion": self._version,
            "X-MS-PolicyKey": str(self._policy_key),
        }
        answer = await self._send(
            ("POST", f"{PATH}?{query.plain()}"), command, headers, write_body(root), held_s
        )
        if answer is None:
            return self._heard(command, ENDED)
        reply = read_reply(answer.status, answer.header("content-type"), answer.body)
        return self._heard(command, reply)

    async def _options(self) -> Reply:
        """What the server speaks; a version is chosen where it lets one know."""
        answer = await self._send(("OPTIONS", PATH), "OPTIONS", {}, b"")
        reply = self._heard("OPTIONS", ENDED if answer is None else Reply(answer.status))
        if answer is not None and answer.status == 200:
            offered = {v.strip() for v in answer.header("ms-asprotocolversions").split(",")}
            self._version = next((v for v in _VERSIONS if v in offered), "")
            if not self._version:
                text = "no version of ActiveSync in common"
                raise Unsupported(text, system=self.endpoint.system)
        return reply

    async def _send(
        self,
        target: tuple[str, str],
        shown: str,
        headers: dict[str, str],
        body: bytes,
        held_s: float = 0.0,
    ) -> http.Answer | None:
        wait = held_s or self.timeout_s
        self.transcript.sent(f"{shown} (authenticates) Basic ***")
        request = http.request(
            self._client,
            self.endpoint,
            *target,
            headers={"Authorization": self._authorization, **headers},
            body=body,
        )
        if held_s:
            timeout = httpx2.Timeout(self.timeout_s, read=held_s)
            request.extensions |= {"timeout": timeout.as_dict(), "trace": self._trace}
        try:
            return await http.fetch(self._client, self.endpoint, request, wait)
        except SystemFault as fault:
            self.transcript.note(self.transcript.clean(fault.text.encode("utf-8", "replace")))
            raise

    async def _trace(self, event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            self.ping_sent.set()

    def _heard(self, command: str, reply: Reply) -> Reply:
        self.transcript.note(f"{command}: {reply.says}")
        return reply

    async def _folders(self) -> Reply:
        reply = await self.ask("FolderSync", requests.folder_sync(self._sync_key))
        if reply.works and reply.root is not None:
            read = requests.read_folders(reply.root)
            self._sync_key = read.sync_key
            self.inbox = read.inbox or self.inbox
        return reply

    async def _provision(self) -> bool:
        """Take over the policy in two steps; whether that worked."""
        self._policy_key = 0
        first = requests.provision(model=_TYPE, user_agent=_TYPE, version=self._version)
        return await self._policy(first) and await self._policy(
            requests.acknowledge(self._policy_key)
        )

    async def _policy(self, root: Element) -> bool:
        reply = await self.ask("Provision", root)
        if not reply.works or reply.root is None:
            return False
        policy = requests.read_policy(reply.root)
        self._policy_key = policy.key
        return bool(policy.key) and not policy.wipe
