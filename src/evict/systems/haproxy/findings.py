# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a HAProxy: are the rules there, in force, and before every way in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from evict.config.haproxy import HaproxyHook
from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.systems.haproxy import protocol
from evict.systems.haproxy.places import UNTIL, Places, places
from evict.systems.haproxy.protocol import Malformed, Server
from evict.systems.haproxy.runtime import Runtime

_PASTE = "paste `evict agent snippet haproxy`, then reload HAProxy"


async def findings(
    name: str, hook: HaproxyHook, *, clock: Callable[[], float] = time.time
) -> tuple[Finding, ...]:
    """Of the HAProxy before the system `name`, read through its runtime socket."""
    try:
        async with Runtime(hook.runtime, system=name) as runtime:
            try:
                return tuple(await _look(name, hook, runtime, clock()))
            except Malformed as error:
                raise runtime.broken(error) from error
    except SystemFault as fault:
        return (
            Finding(
                code="haproxy-unread",
                severity=Severity.WARNING,
                system=name,
                text=f"HAProxy could not be looked at: {fault.text}",
                remedy="give the control plane the runtime socket, with `level admin`",
            ),
        )


async def _look(name: str, hook: HaproxyHook, runtime: Runtime, now: float) -> list[Finding]:
    at = places(name, hook)
    held = protocol.maps(await runtime.ask("show map"))
    tables = protocol.tables(await runtime.ask("show table"))
    missing = [path.name for path in at.maps if str(path) not in held]
    bare = [backend for backend in at.backends if tables.get(backend) != "string"]
    if missing or bare:
        what = f"no map {missing[0]}" if missing else f"no rules in the backend {bare[0]}"
        return [_finding(name, "haproxy-rules", Severity.ERROR, f"HAProxy has {what}", _PASTE)]
    found = [_finding(name, "haproxy-rules", Severity.OK, "HAProxy has the maps and the rules")]
    said = await runtime.ask(f"get map {protocol.word(str(at.gate))} {UNTIL}")
    seen = protocol.VALUE.search(said)
    found.append(_gate(name, int(seen[1]) if seen and seen[1].isdigit() else 0, now))
    servers = protocol.servers(await runtime.ask("show servers state"))
    found += _ways_past(name, at, servers)
    return [*found, _unidentified(name, hook)]


def _gate(name: str, until: int, now: float) -> Finding:
    if until > now:
        text = "the maps are what the agent says; an agent that falls silent lets nobody in"
        return _finding(name, "haproxy-gate", Severity.OK, text)
    return _finding(
        name,
        "haproxy-gate",
        Severity.ERROR,
        "HAProxy lets nobody in: no agent says that its maps are right",
        "start `evict agent` beside it",
    )


def _unidentified(name: str, hook: HaproxyHook) -> Finding:
    """NTLM and Kerberos sign in a connection: their name is in no header that HAProxy reads."""
    if hook.unidentified == "refuse":
        text = "NTLM and Kerberos are refused at the front: people come by Basic or by a form"
        return _finding(name, "haproxy-unidentified", Severity.OK, text)
    return _finding(
        name,
        "haproxy-unidentified",
        Severity.WARNING,
        "NTLM and Kerberos pass the front, which cannot tell whose they are: neither is such a"
        " connection refused there nor ended; the product's other measures close it",
        'unidentified = "refuse" where everybody can do Basic',
    )


def _ways_past(name: str, at: Places, servers: list[Server]) -> Iterator[Finding]:
    """Another backend that leads to the same server is a way past the rules."""
    guarded = {server.address for server in servers if server.backend in at.backends}
    others = {s.backend for s in servers if s.backend not in at.backends and s.address in guarded}
    for backend in sorted(others):
        yield _finding(
            name,
            "haproxy-way-past",
            Severity.ERROR,
            f"the backend {backend} leads to the same servers without the rules",
            f"put the rules there too, and name it in haproxy.backends; or take {backend} away",
        )
    if not others:
        text = "no other backend of this HAProxy leads to the same servers"
        yield _finding(name, "haproxy-way-past", Severity.OK, text)


def _finding(name: str, code: str, severity: Severity, text: str, remedy: str = "") -> Finding:
    return Finding(code=code, severity=severity, system=name, text=text, remedy=remedy)
