# SPDX-License-Identifier: Apache-2.0
"""The doors of one mailbox at a Roundcube, and what is promised of each."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from evict.config.roundcube import RoundcubeSection
from evict.core.door import Credential, Door
from evict.core.endpoint import Tls
from evict.core.verdict import Expectation
from evict.wire.roundcube import PROTOCOL, RoundcubeEndpoint

REFUSED_WITHIN_S: Final = 0.05
"""From the commit to the front's refusal: a push to the agent takes milliseconds."""
WRITTEN_WITHIN_S: Final = 5.0
"""From the commit to the end of the sessions' rows, which comes after the directory's writes."""

_NO_FRONT: Final = (
    "no front refuses: Roundcube asks its IMAP server at each login, so this door is as open as"
    " that one"
)
_IN_FLIGHT: Final = (
    "no front refuses: a request in flight runs to its end, and one of more than half a second"
    " writes its session again; the sessions are looked for again until none is left"
)
_NOTHING: Final = (
    "neither a front nor the database is configured: only a session opened before shows its end"
)


def endpoint(section: RoundcubeSection) -> RoundcubeEndpoint:
    """Where it is tried."""
    url = urlsplit(section.url)
    secure = url.scheme == "https"
    host = url.hostname or ""
    return RoundcubeEndpoint(
        system=section.name,
        protocol=PROTOCOL,
        host=host,
        port=url.port or (443 if secure else 80),
        tls=Tls.IMPLICIT if secure else Tls.NONE,
        server_name=section.server_name or host,
        ca_file=section.ca_file,
        path=url.path.rstrip("/") + "/",
    )


class Doors:
    """Names the doors of one configured Roundcube."""

    def __init__(self, section: RoundcubeSection) -> None:
        self.password = Door(system=section.name, protocol=PROTOCOL, credential=Credential.PASSWORD)
        self.session = Door(system=section.name, protocol=PROTOCOL, credential=Credential.SESSION)
        self.fronted = section.hook is not None or section.haproxy is not None
        self._listed = section.database_file is not None

    def expectations(self) -> tuple[Expectation, ...]:
        """Every door."""
        if self.fronted:
            return (
                Expectation(door=self.password, predicted_s=REFUSED_WITHIN_S),
                Expectation(door=self.session, predicted_s=REFUSED_WITHIN_S),
            )
        return (
            Expectation(door=self.password, note=_NO_FRONT),
            Expectation(door=self.session, predicted_s=WRITTEN_WITHIN_S, note=_IN_FLIGHT)
            if self._listed
            else Expectation(door=self.session, note=_NOTHING),
        )
