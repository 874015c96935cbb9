# SPDX-License-Identifier: Apache-2.0
"""`evict doctor`: what the connectors find, and a proof that hooks and fronts fail closed.

The proof logs in as Evict's own service account while the agent answers (which must work, or it
proves nothing), then stops the hooks for a moment and tries again (which must be refused).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec import to_builtins

from evict.config.secrets import read_secret
from evict.control.access.findings import access_findings, approver_findings, audit_findings
from evict.control.audit.log import AuditLog
from evict.control.fronts import asking, unasked
from evict.control.fronts import findings as front_findings
from evict.control.parts import Parts
from evict.control.views import each
from evict.core.door import Credential
from evict.core.endpoint import Endpoint
from evict.core.errors import EvictError
from evict.core.exposure import Finding, Severity
from evict.core.sighting import Outcome
from evict.probes.base import Login, Witness
from evict.probes.registry import credential_of, prober

_PAUSE_MS = 3000


class Doctor:
    def __init__(self, parts: Parts, audit: AuditLog) -> None:
        self._parts = parts
        self._audit = audit
        self._config = parts.config
        self._systems = parts.systems
        self._publisher = parts.publisher
        self._sources = parts.sources

    async def examine(self) -> dict[str, Any]:
        """All findings, worst first."""
        told, failures = await each(c.findings() for c in self._systems.all)
        findings = [f for part in told for f in part]
        findings += [
            Finding(code="system-unreachable", severity=Severity.ERROR, system="", text=text)
            for text in failures
        ]
        findings += self._agents()
        access = self._parts.config.access
        findings += await asyncio.to_thread(access_findings, access)
        approvers = self._parts.config.guard.approvers
        findings += await asyncio.to_thread(approver_findings, access, approvers)
        findings += audit_findings(self._audit)
        findings += await front_findings(self._config)
        findings += await self._fail_closed()
        order = [Severity.ERROR, Severity.WARNING, Severity.OK]
        findings.sort(key=lambda f: (order.index(f.severity), f.system, f.code))
        return {"findings": to_builtins(findings)}

    def _agents(self) -> list[Finding]:
        answered = {hook for a in self._publisher.agents() for hook in a.hooks}
        return [
            Finding(
                code="agent-missing",
                severity=Severity.ERROR,
                system=name,
                text="no agent that answers its hook is connected: it refuses everybody",
                remedy="start `evict agent` beside it",
            )
            for name in sorted(self._systems.hooked - answered)
        ]

    async def _fail_closed(self) -> list[Finding]:
        agent = self._config.agent
        endpoints = [
            endpoint
            for connector in self._systems.all
            if connector.name in self._systems.hooked
            for endpoint in connector.endpoints()
            if credential_of(endpoint.protocol) is Credential.PASSWORD
        ]
        fronts = await asking(self._config)
        if not endpoints and not fronts:
            return []
        if not (agent.may_stop_hooks and agent.control_socket):
            text = "not tried: agent.may_stop_hooks is off, so only the settings were read"
            return [
                Finding(
                    code="hook-fails-closed",
                    severity=Severity.WARNING,
                    system="",
                    text=text,
                    remedy="set agent.may_stop_hooks and agent.control_socket to have it tried",
                )
            ]
        witnesses = await asyncio.gather(*(self._admitted(e) for e in endpoints))
        pairs = list(zip(endpoints, witnesses, strict=True))
        try:
            async with _hooks_paused(str(agent.control_socket)):
                told = asyncio.gather(*(self._refused(e, w) for e, w in pairs))
                return [*await unasked(fronts), *await told]
        except OSError as error:
            return [_not_paused(f"{agent.control_socket}: {error.strerror or error}")]

    def _login(self) -> Login:
        return Login(
            name=self._config.directory.bind_user,
            password=read_secret(self._config.directory.password_file),
            source=self._sources.next(),
            timeout_s=self._config.probes.timeout_s,
            address=self._config.directory.bind_user,
        )

    async def _admitted(self, endpoint: Endpoint) -> Witness | str:
        try:
            witness = await prober(endpoint.protocol).open_witness(endpoint, self._login())
        except EvictError as error:
            return error.text
        outcome = await witness.beat()
        if outcome is Outcome.LET_IN:
            return witness
        await witness.close()
        return f"with the agent answering, the service account was not served ({outcome})"

    async def _refused(self, endpoint: Endpoint, admitted: Witness | str) -> Finding:
        if isinstance(admitted, str):
            return _finding(
                endpoint,
                Severity.WARNING,
                f"{endpoint.protocol}: not proven, the service account cannot log in even while the"
                f" agent answers: {admitted}",
            )
        try:
            if endpoint.protocol == "submission":
                outcome = await admitted.beat()
            else:
                seen = await prober(endpoint.protocol).negative_login(endpoint, self._login())
                outcome = seen.outcome
        finally:
            await admitted.close()
        if outcome is Outcome.LET_IN:
            text = f"{endpoint.protocol}: OPEN while the agent does not answer"
            return _finding(endpoint, Severity.ERROR, text)
        text = f"{endpoint.protocol}: refused while the agent did not answer, served before"
        return _finding(endpoint, Severity.OK, text)


def _not_paused(why: str) -> Finding:
    return Finding(
        code="hook-fails-closed",
        severity=Severity.WARNING,
        system="",
        text=f"not tried: the agent could not be asked to stop its hooks: {why}",
        remedy="let the control plane's group use agent.control_socket (agent.socket_group)",
    )


def _finding(endpoint: Endpoint, severity: Severity, text: str) -> Finding:
    return Finding(
        code="hook-fails-closed",
        severity=severity,
        system=endpoint.system,
        text=text,
        remedy="paste `evict agent snippet`" if severity is Severity.ERROR else "",
    )


@asynccontextmanager
async def _hooks_paused(socket: str) -> AsyncIterator[None]:
    """Ask the agent to answer nobody for a moment; it resumes by itself."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(f"pause-hooks {_PAUSE_MS}\n".encode())
        await writer.drain()
        if await reader.readline() != b"paused\n":
            raise ConnectionRefusedError("it is paused already, or it refused")
        yield
        await reader.read()
    finally:
        writer.close()
