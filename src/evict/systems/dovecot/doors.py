# SPDX-License-Identifier: Apache-2.0
"""The doors of one mailbox at a Dovecot, and what is promised of each."""

from __future__ import annotations

from typing import Final

from evict.config.model import DovecotSection
from evict.core.door import Credential, Door, Nature
from evict.core.endpoint import Endpoint, Tls
from evict.core.verdict import Expectation

REFUSED_WITHIN_S: Final = 0.05
"""From the commit to the hook's refusal: a push to the agent takes milliseconds."""
CUT_WITHIN_S: Final = 0.5
"""From the commit to the end of a live session: flush, kick and looks of the agent's loop."""
SCRIPT_WITHIN_S: Final = 5.0
"""From the commit to a script's deactivation, which comes after the directory's writes."""

_NO_HOOK: Final = "no hook is configured: it rests on the directory and on the flushed cache"
_NO_HOOK_TICKET: Final = (
    "no hook sees a Kerberos ticket here: whoever holds one is let in until the ticket ends"
)


def endpoints(section: DovecotSection) -> tuple[Endpoint, ...]:
    """Where the configured protocols are tried."""
    ports = (
        ("imap", section.imap_port, Tls.IMPLICIT),
        ("pop3", section.pop3_port, Tls.IMPLICIT),
        ("managesieve", section.managesieve_port, Tls.STARTTLS),
    )
    return tuple(
        Endpoint(
            system=section.name,
            protocol=protocol,
            host=section.host,
            port=port,
            tls=tls,
            server_name=section.server_name or section.host,
            ca_file=section.ca_file,
        )
        for protocol, port, tls in ports
        if port is not None
    )


class Doors:
    """Names the doors of one configured Dovecot."""

    def __init__(self, section: DovecotSection) -> None:
        self._section = section
        self._protocols = [e.protocol for e in endpoints(section)]
        self._hooked = section.hook is not None

    @property
    def passwords(self) -> tuple[Door, ...]:
        return tuple(self._door(p, Credential.PASSWORD) for p in self._protocols)

    @property
    def sessions(self) -> tuple[Door, ...]:
        return tuple(self._door(p, Credential.SESSION) for p in self._protocols)

    @property
    def tickets(self) -> tuple[Door, ...]:
        with_tickets = self._section.gssapi and "imap" in self._protocols
        return (self._door("imap", Credential.TICKET),) if with_tickets else ()

    @property
    def script(self) -> Door:
        return self._door("sieve", Credential.GRANT)

    @property
    def device(self) -> Door:
        return self._door("device", Credential.COPY)

    def session(self, service: str) -> Door:
        """The door of a service on the list of live sessions."""
        return self._door(service, Credential.SESSION)

    def _door(self, protocol: str, credential: Credential) -> Door:
        return Door(system=self._section.name, protocol=protocol, credential=credential)

    def expectations(self, also: tuple[Door, ...] = ()) -> tuple[Expectation, ...]:
        """Every door. `also`: sessions seen on services that no port is configured for."""
        refused = REFUSED_WITHIN_S if self._hooked else None
        note = "" if self._hooked else _NO_HOOK
        passwords = [Expectation(door=d, predicted_s=refused, note=note) for d in self.passwords]
        cut = CUT_WITHIN_S if self._hooked else None
        sessions = [Expectation(door=d, predicted_s=cut) for d in (*self.sessions, *also)]
        return (
            *passwords,
            *sessions,
            *(self._ticket(door) for door in self.tickets),
            Expectation(door=self.script, predicted_s=SCRIPT_WITHIN_S),
            Expectation(
                door=self.device, nature=Nature.UNPROVABLE, note="mail already on a device"
            ),
        )

    def _ticket(self, door: Door) -> Expectation:
        if self._hooked:
            return Expectation(door=door, predicted_s=REFUSED_WITHIN_S)
        return Expectation(door=door, nature=Nature.UNPROVABLE, note=_NO_HOOK_TICKET)
