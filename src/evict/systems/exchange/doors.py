# SPDX-License-Identifier: Apache-2.0
"""The doors of one mailbox at an Exchange organisation, and what is promised of each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from evict.config.exchange import ExchangeSection, ExchangeServer
from evict.config.fronts import ends_requests
from evict.core.door import Credential, Door, Nature
from evict.core.endpoint import Endpoint, Tls
from evict.core.verdict import Expectation
from evict.systems.exchange.naming import (
    IN_FLIGHT,
    INTEGRATED,
    NOT_NAMED,
    is_hooked,
    passes_unnamed,
)
from evict.systems.exchange.versions import has

WEB: Final = ("owa", "activesync", "ews", "mapi")
DIRECT: Final = ("imap", "pop3", "submission")

REFUSED_WITHIN_S: Final = 0.05
"""From the commit to the hook's refusal: a push to the agent takes milliseconds."""
WRITTEN_WITHIN_S: Final = 5.0
"""From the commit to a write over the shell: some twenty cmdlets of tens of milliseconds."""

SUBMISSION_LASTS_S: Final = 600.0
"""ConnectionTimeout of a receive connector, 10 minutes unless it was changed
(https://learn.microsoft.com/powershell/module/exchangepowershell/set-receiveconnector)."""
_CONNECTOR_ENDS: Final = (
    "no measure ends one person's live submission: the receive connector's ConnectionTimeout does"
    " (assumed to be the default)"
)

_NO_HOOK: Final = (
    "no hook is configured: the servers read the switches late and keep tokens of before, which"
    " they go on taking until the pool is recycled or the token ends"
)
_NO_RPC: Final = "Outlook speaks RPC to this version: no probe speaks it; MAPIEnabled shuts it"
_DIRECT_PASSWORD: Final = "the directory is asked at each sign-in"  # noqa: S105 - a sentence
_LIVE: Final = (
    "Exchange keeps no list of live connections and no switch for one: it ends with its client, by"
    " its time-out, or with its service"
)
_DELEGATES: Final = "what others have here stays unless it is asked for: a manager may need it"
_ARCHIVE: Final = "reached through OWA, EWS and MAPI of the same account alone"
_PIN: Final = "a phone PIN opens the mailbox, whatever the directory says"


def _live(door: Door, commit_at: datetime | None) -> Expectation:
    """A live connection; a submission is bounded by its receive connector."""
    if door.protocol == "submission" and commit_at is not None:
        until = commit_at + timedelta(seconds=SUBMISSION_LASTS_S)
        return Expectation(
            door=door, predicted_s=SUBMISSION_LASTS_S, until=until, note=_CONNECTOR_ENDS
        )
    return Expectation(door=door, note=_LIVE)


class Doors:
    """Names the doors of one configured organisation."""

    def __init__(self, section: ExchangeSection) -> None:
        self._section = section
        self._hooked = is_hooked(section)
        self._unnamed = passes_unnamed(section)
        self._ends = ends_requests(section.hook, section.haproxy)
        servers = section.servers
        ports = {
            "imap": any(s.imap_port for s in servers),
            "pop3": any(s.pop3_port for s in servers),
            "submission": any(s.submission_port for s in servers),
        }
        self._direct = tuple(protocol for protocol in DIRECT if ports[protocol])
        over_http = has(section.version, "Set-CASMailbox", "MapiHttpEnabled")
        self.web = WEB if over_http else WEB[:-1]
        self.rpc = None if over_http else self._door("mapi", Credential.SESSION)

    @property
    def web_passwords(self) -> tuple[Door, ...]:
        return tuple(self._door(p, Credential.PASSWORD) for p in self.web)

    @property
    def web_sessions(self) -> tuple[Door, ...]:
        return tuple(self.session(p) for p in self.web)

    @property
    def direct_passwords(self) -> tuple[Door, ...]:
        return tuple(self._door(p, Credential.PASSWORD) for p in self._direct)

    @property
    def direct_sessions(self) -> tuple[Door, ...]:
        return tuple(self.session(p) for p in self._direct)

    @property
    def all_in(self) -> tuple[Door, ...]:
        """Every door through which the leaver comes to the own mailbox."""
        rpc = (self.rpc,) if self.rpc else ()
        web = (*self.web_passwords, *self.web_sessions)
        return (*web, *self.direct_passwords, *self.direct_sessions, *rpc)

    @property
    def store_sessions(self) -> tuple[Door, ...]:
        """Those that have the mailbox open; a submission has not."""
        direct = tuple(d for d in self.direct_sessions if d.protocol != "submission")
        return (*self.web_sessions, *direct)

    def session(self, protocol: str) -> Door:
        return self._door(protocol, Credential.SESSION)

    def grant(self, name: str) -> Door:
        """`elsewhere`, `forward`, `rule`, `device`, `calendar`, `um`, `delegate`, `archive`."""
        return self._door(name, Credential.GRANT)

    @property
    def copy(self) -> Door:
        return self._door("device", Credential.COPY)

    def _door(self, protocol: str, credential: Credential) -> Door:
        return Door(system=self._section.name, protocol=protocol, credential=credential)

    def expectations(
        self, *, um: bool, archive: bool, commit_at: datetime | None = None
    ) -> tuple[Expectation, ...]:
        """Every door of a mailbox that has, or has not, a phone PIN and an archive.

        Args:
            commit_at: of the revocation; None before anything was ordered.
        """
        refused = REFUSED_WITHIN_S if self._hooked else None
        web = (*self.web_passwords, *self.web_sessions)
        grants = ("elsewhere", "forward", "rule", "device", "calendar")
        told: list[Expectation] = [
            Expectation(door=self.grant("delegate"), nature=Nature.OUTSIDE, note=_DELEGATES),
            Expectation(door=self.copy, nature=Nature.UNPROVABLE, note="mail already on a device"),
        ]
        if self.rpc:
            told.append(Expectation(door=self.rpc, nature=Nature.UNPROVABLE, note=_NO_RPC))
        if um:
            told.append(Expectation(door=self.grant("um"), predicted_s=WRITTEN_WITHIN_S, note=_PIN))
        if archive:
            door = self.grant("archive")
            told.append(Expectation(door=door, nature=Nature.OUTSIDE, note=_ARCHIVE))
        return (
            *(Expectation(door=d, predicted_s=refused, note=self._web_note(d)) for d in web),
            *(Expectation(door=d, note=_DIRECT_PASSWORD) for d in self.direct_passwords),
            *(_live(d, commit_at) for d in self.direct_sessions),
            *(Expectation(door=self.grant(g), predicted_s=WRITTEN_WITHIN_S) for g in grants),
            *told,
        )

    def _web_note(self, door: Door) -> str:
        if not self._hooked:
            return _NO_HOOK
        notes = [NOT_NAMED] if self.is_unnamed(door) else []
        if not self._ends and door == self.session("activesync"):
            notes.append(IN_FLIGHT)
        return "; ".join(notes)

    def is_unnamed(self, door: Door) -> bool:
        """Whether the front lets through there who it cannot name."""
        session = door.credential is Credential.SESSION
        return self._unnamed and session and door.protocol in INTEGRATED

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Web doors at the front, or at each server where there is none; the others at each."""
        section = self._section
        web: list[tuple[str, int]] = [(s.host, s.https_port) for s in section.servers]
        if section.front is not None:
            web = [(section.front.host, section.front.port)]
        return (
            *(self._endpoint(p, host, port, Tls.IMPLICIT) for host, port in web for p in self.web),
            *(e for server in section.servers for e in self._of(server)),
        )

    def _of(self, server: ExchangeServer) -> tuple[Endpoint, ...]:
        ports = (
            ("imap", server.imap_port, Tls.IMPLICIT),
            ("pop3", server.pop3_port, Tls.IMPLICIT),
            ("submission", server.submission_port, Tls.STARTTLS),
        )
        return tuple(
            self._endpoint(protocol, server.host, port, tls)
            for protocol, port, tls in ports
            if port is not None
        )

    def _endpoint(self, protocol: str, host: str, port: int, tls: Tls) -> Endpoint:
        return Endpoint(
            system=self._section.name,
            protocol=protocol,
            host=host,
            port=port,
            tls=tls,
            server_name=self._section.server_name or host,
            ca_file=self._section.ca_file,
        )
