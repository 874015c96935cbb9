# SPDX-License-Identifier: Apache-2.0
"""Of a mailbox's features: what switching them off ends, and when."""

from __future__ import annotations

from typing import Final

from evict.lab.claims.seen import (
    DAY_S,
    MINUTE_S,
    QUARTER_S,
    Demonstration,
    Found,
    Seen,
    expect,
    span,
)
from evict.lab.claims.stage import Page, Stage, until_refused_s, why
from evict.lab.model.profile import Version
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, Protocol


def _doors(stage: Stage) -> dict[str, Protocol]:
    """What this version can switch off, by the name of the flag."""
    doors = {
        "owa": Protocol.OWA,
        "activesync": Protocol.ACTIVESYNC,
        "mapi": Protocol.MAPI,
        "imap": Protocol.IMAP,
        "pop3": Protocol.POP3,
    }
    if stage.profile.has("ews-flag"):
        doors["ews"] = Protocol.EWS
    return doors


def _off(stage: Stage) -> None:
    stage.org.set_features("alice", **dict.fromkeys(_doors(stage), False))


def off_at_once_without_a_session(version: Version) -> Seen:
    stage = Stage(version)
    _off(stage)
    doors = _doors(stage)
    shut = [name for name, door in doors.items() if stage.knock(door) is Denial.FEATURE_OFF]
    expect(len(shut) == len(doors), f"refused at once only by {', '.join(shut) or 'none'}")
    stage = Stage(version)
    page = Page(stage)
    expect(page.request() is None, "not let in to begin with")
    _off(stage)
    stays = until_refused_s(stage, page.request, 1)
    expect(stays == QUARTER_S, f"a page that was open was refused after {span(stays)}")
    stage = Stage(version)
    session = stage.live(Protocol.IMAP)
    _off(stage)
    longer = until_refused_s(stage, lambda: why(stage.org.use(session)), 5 * MINUTE_S)
    expect(longer is None, f"an IMAP connection was refused after {span(longer)}")
    return Seen(
        Found.AS_CLAIMED,
        f"nothing open: all {len(shut)} refused at once ({', '.join(shut)}); a page open in OWA: "
        f"refused after {span(stays)}; a connection of IMAP: still in after {span(DAY_S)}",
    )


def submission_goes_on(version: Version) -> Seen:
    stage = Stage(version)
    _off(stage)
    stage.wait(QUARTER_S)
    access = stage.enter(Protocol.SMTP, stage.sign_in(Protocol.SMTP))
    if not isinstance(access, Access):
        return Seen(Found.NEITHER, f"submission was refused: {access.denial}")
    sent = stage.org.submit(access, ["bob@corp.example"], "Goodbye", "")
    expect(not isinstance(sent, Denied), "the mail was refused")
    arrived = len(stage.org.mailboxes["bob"].messages["Inbox"])
    expect(arrived == 1, f"{arrived} mails arrived")
    return Seen(
        Found.AS_CLAIMED,
        f"{len(_doors(stage))} features off for {span(QUARTER_S)}: a new sign-in at submission was "
        "let in and its mail arrived",
    )


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "off-at-once-without-a-session": off_at_once_without_a_session,
    "submission-goes-on": submission_goes_on,
}
