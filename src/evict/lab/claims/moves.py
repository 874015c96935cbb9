# SPDX-License-Identifier: Apache-2.0
"""Of a move to another database: what it stops, and when."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.lab.claims.seen import MINUTE_S, Demonstration, Found, Seen, expect, span
from evict.lab.claims.stage import LEAVER, Stage
from evict.lab.model.mailbox import FULL_ACCESS, SYSTEM
from evict.lab.model.profile import Version
from evict.lab.model.sessions import MOVED
from evict.lab.model.store import Access
from evict.lab.model.words import Denied, Protocol

_TARGET: Final = "DB02"
_WATCHED_S: Final = MINUTE_S


class _Second(Struct, frozen=True):
    """What the page met in one second of a move."""

    moving: bool
    sent: bool
    said: str


def _take_off(stage: Stage) -> int:
    """The two system entries; how many there were."""
    names = [f"{stage.org.directory.netbios}\\{name}" for name in SYSTEM]
    return sum(stage.org.remove_permission(LEAVER, name, (FULL_ACCESS,)) for name in names)


def _send(stage: Stage) -> str:
    """What the page's user reads where its mail is not taken; an empty text where it is."""
    access = stage.enter(Protocol.OWA, stage.sign_in(Protocol.OWA))
    if isinstance(access, Denied):
        return access.text or str(access.denial)
    sent = stage.org.submit(access, ["bob@corp.example"], "Goodbye", "")
    return sent.text if isinstance(sent, Denied) else ""


def _watch(stage: Stage) -> list[_Second]:
    """Start the move of an open page's mailbox, and send once a second."""
    move = stage.org.start_move(LEAVER, _TARGET)
    seconds = []
    for _ in range(_WATCHED_S):
        said = _send(stage)
        seconds.append(_Second(move.ended is None, not said, said))
        stage.wait(1)
    return seconds


def _lines(seconds: list[_Second]) -> tuple[int, int, int, str]:
    """Seconds of the move in which it sent; refused; sent afterwards; what its user read."""
    sent = sum(s.sent for s in seconds if s.moving)
    refused = [s for s in seconds if not s.sent]
    after = sum(s.sent for s in seconds if not s.moving)
    return sent, len(refused), after, refused[-1].said if refused else ""


def entries_off_and_move(version: Version) -> Seen:
    stage = Stage(version)
    if not _take_off(stage):
        text = "no mailbox has the two system entries"
        return Seen(Found.INAPPLICABLE, text)
    stage.signed_in(Protocol.OWA)
    stage.disable()
    expect(not _send(stage), "without the entries, and without a move, a page could not send")
    sent, refused, after, said = _lines(_watch(stage))
    left = Stage(version)
    left.signed_in(Protocol.OWA)
    left.disable()
    same = _lines(_watch(left))[:3] == (sent, refused, after)
    text = (
        f'the page sent in the first {sent} s of the move, was refused with "{said}" in its last '
        f"{refused} s, and sent again once it was over"
    )
    expect(refused > 0, "the page sent throughout the move")
    if not sent and not after:
        return Seen(Found.AS_CLAIMED, f'the page was refused with "{said}" for {refused} s')
    expect(sent > 0 and after > 0 and same, f"{text}; {same=}")
    return Seen(Found.OTHERWISE, f"{text}; the same with the entries left on")


def move_ends_logons(version: Version) -> Seen:
    stage = Stage(version)
    if not stage.profile.has("moves"):
        return Seen(Found.INAPPLICABLE, "it has no online move")
    protocols = (Protocol.MAPI, Protocol.IMAP, Protocol.ACTIVESYNC)
    live = [stage.live(protocol) for protocol in protocols]
    stage.signed_in(Protocol.OWA)
    stage.disable()
    stage.org.start_move(LEAVER, _TARGET)
    started_s = stage.place.now_s
    ended_s: float | None = None
    while ended_s is None and stage.place.now_s < started_s + _WATCHED_S:
        stage.wait(1)
        if all(session.ended == MOVED for session in live):
            ended_s = stage.place.now_s - started_s
    expect(ended_s is not None, "a session outlived the move")
    stage.wait(_WATCHED_S)
    again = stage.enter(Protocol.OWA, stage.sign_in(Protocol.OWA))
    anew = "came in again" if isinstance(again, Access) else "stayed out"
    return Seen(
        Found.AS_CLAIMED,
        f"{len(live)} of {len(live)} sessions ended {span(ended_s)} after the move of a small "
        f"mailbox began; a page with a live token {anew} after it",
    )


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "entries-off-and-move": entries_off_and_move,
    "move-ends-logons": move_ends_logons,
}
