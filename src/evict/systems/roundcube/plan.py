# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.config.fronts import ends_requests
from evict.config.roundcube import RoundcubeSection
from evict.core.measure import Actor, Measure, Stage
from evict.systems.roundcube.doors import Doors

END: Final = "end-sessions"


def plan(section: RoundcubeSection, doors: Doors) -> tuple[Measure, ...]:
    """The measures one mailbox needs; level-triggered, so they are the same at each look.

    A front shuts the gate first. Without one a browser would sign in anew until the directory
    refuses and the IMAP server's cache is flushed, so the sessions are ended after that.
    """
    return (*_front(section, doors), *_rows(section, doors))


def _front(section: RoundcubeSection, doors: Doors) -> Iterator[Measure]:
    if not doors.fronted:
        return
    yield Measure(
        id=f"{section.name}:refuse",
        system=section.name,
        stage=Stage.REFUSE,
        actor=Actor.AGENT,
        doors=(doors.password, doors.session),
        why="The front refuses each request of the leaver's, by the login's name and by whose"
        " cookie it is, so nothing of it reaches Roundcube any more.",
        undo="A reinstatement in the ledger lets the front say yes again.",
    )
    if not ends_requests(section.hook, section.haproxy):
        return
    yield Measure(
        id=f"{section.name}:kick",
        system=section.name,
        stage=Stage.KICK,
        actor=Actor.AGENT,
        doors=(doors.session,),
        why="A request that is in flight at the front is cut there.",
    )


def _rows(section: RoundcubeSection, doors: Doors) -> Iterator[Measure]:
    if section.database_file is None:
        return
    yield Measure(
        id=f"{section.name}:{END}",
        system=section.name,
        stage=Stage.STORAGE if not doors.fronted else Stage.KICK,
        actor=Actor.CONTROL,
        doors=(doors.session,),
        why="A session lives in its database row for as long as it is used, and goes on showing"
        " address book and settings even where the IMAP server refuses: the leaver's rows are"
        " deleted, and looked for again, since a slow request in flight writes its row anew.",
    )
