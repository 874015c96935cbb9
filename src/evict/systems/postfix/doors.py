# SPDX-License-Identifier: Apache-2.0
"""The doors of one account at a Postfix, and what is promised of each."""

from __future__ import annotations

from typing import Final

from evict.config.model import PostfixSection
from evict.core.door import Credential, Door, Nature
from evict.core.endpoint import Endpoint, Tls
from evict.core.verdict import Expectation
from evict.systems.base import Order

REFUSED_WITHIN_S: Final = 0.05
"""From the commit to the hook's refusal: a push to the agent takes milliseconds."""
HELD_WITHIN_S: Final = 5.0
"""From the commit to the queue on hold, which comes after the directory's writes."""

_SESSION: Final = (
    "Postfix keeps no list of live connections: the hook refuses and cuts one at its next RCPT,"
    " DATA or end of data; an idle one can send nothing"
)
_NO_HOOK: Final = (
    "no hook is configured: a live connection goes on sending until its client ends it"
)
_PASSWORD: Final = "Postfix asks Dovecot for each login"  # noqa: S105 - a sentence
_NOT_HELD: Final = "mail sent before may be wanted: it is left alone without --hold-queue"


def endpoint(section: PostfixSection) -> Endpoint:
    """Where the submission door is tried."""
    return Endpoint(
        system=section.name,
        protocol="submission",
        host=section.host,
        port=section.submission_port,
        tls=Tls(section.submission_tls),
        server_name=section.server_name or section.host,
        ca_file=section.ca_file,
    )


class Doors:
    """Names the doors of one configured Postfix."""

    def __init__(self, section: PostfixSection) -> None:
        self._hooked = section.hook is not None
        self.password = Door(section.name, "submission", Credential.PASSWORD)
        self.session = Door(section.name, "submission", Credential.SESSION)
        self.queue = Door(section.name, "queue", Credential.MAIL)

    def expectations(self, order: Order | None) -> tuple[Expectation, ...]:
        """Every door. Queued mail counts only where it is to be held."""
        refused = REFUSED_WITHIN_S if self._hooked else None
        session = _SESSION if self._hooked else _NO_HOOK
        if order is not None and order.hold_queue:
            queue = Expectation(door=self.queue, predicted_s=HELD_WITHIN_S)
        else:
            queue = Expectation(door=self.queue, nature=Nature.OUTSIDE, note=_NOT_HELD)
        return (
            Expectation(door=self.password, predicted_s=refused, note=_PASSWORD),
            Expectation(door=self.session, predicted_s=refused, note=session),
            queue,
        )
