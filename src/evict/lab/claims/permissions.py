# SPDX-License-Identifier: Apache-2.0
"""Of the entry SELF on a mailbox: what taking it off ends, and how it comes back."""

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
from evict.lab.claims.stage import LEAVER, Stage, until_refused_s
from evict.lab.model.mailbox import FULL_ACCESS, READ_PERMISSION, SELF
from evict.lab.model.profile import Version
from evict.lab.model.words import Denial, Denied, ModelError, Principal, Protocol

_RIGHTS: Final = (FULL_ACCESS, READ_PERMISSION)


def _take_off(stage: Stage) -> None:
    expect(stage.org.remove_permission(LEAVER, SELF, _RIGHTS), "the mailbox has no entry SELF")


def self_off_leaves_fifteen_minutes(version: Version) -> Seen:
    stage = Stage(version)
    stage.signed_in(Protocol.OWA)
    stage.wait(MINUTE_S)
    _take_off(stage)
    anew = stage.knock(Protocol.OWA, server="ex02")
    expect(anew is Denial.NO_PERMISSION, "a new sign-in was let in")

    def open_page() -> Denial | None:
        return stage.knock(Protocol.OWA)

    stays = until_refused_s(stage, open_page, 1, QUARTER_S + MINUTE_S)
    if stays is None:
        stays = until_refused_s(stage, open_page, MINUTE_S)
        expect(stays is None, f"an open session was refused after {span(stays)}")
        text = (
            f"a new sign-in was refused at once; an open session was still in after {span(DAY_S)}, "
            "while the two system entries stood"
        )
        return Seen(Found.OTHERWISE, text)
    text = f"a new sign-in was refused at once; an open session after {span(stays)}"
    expect(stays == QUARTER_S, text)
    return Seen(Found.AS_CLAIMED, text)


def _console_takes_self(stage: Stage) -> bool:
    try:
        stage.org.admin.add_permission_by_console(LEAVER, SELF, _RIGHTS)
    except ModelError as error:
        expect(error.kind == "not-found", error.text)
        return False
    return True


def self_back_by_the_shell(version: Version) -> Seen:
    stage = Stage(version)
    _take_off(stage)
    expect(stage.knock() is Denial.NO_PERMISSION, "let in without SELF")
    if _console_takes_self(stage):
        expect(stage.knock() is None, "refused although SELF was back")
        return Seen(
            Found.OTHERWISE, "the console took SELF as typed, and its owner was let in again"
        )
    expect(stage.knock() is Denial.NO_PERMISSION, "let in although the console refused")
    stage.org.set_permission(LEAVER, SELF, _RIGHTS)
    expect(stage.knock() is None, "refused although the shell had put SELF back")
    return Seen(
        Found.AS_CLAIMED,
        "the console did not find SELF, and its owner stayed out, until Add-MailboxPermission had "
        "put it back",
    )


def mailbox_made_again(version: Version) -> Seen:
    """What a person without SELF needs to come in again: the entry, or a new mailbox."""
    stage = Stage(version)
    stage.org.deliver("customer@partner.example", stage.name, "Order 1", "")
    guid = stage.box.guid
    _take_off(stage)
    expect(stage.knock() is Denial.NO_PERMISSION, "let in without SELF")
    if not _console_takes_self(stage):
        if version is Version.V2003:  # it has no management shell
            return Seen(Found.AS_CLAIMED, "nothing could put SELF back on the mailbox")
        stage.org.set_permission(LEAVER, SELF, _RIGHTS)
    expect(stage.knock() is None, "refused although SELF was back")
    kept = len(stage.box.messages["Inbox"])
    expect(stage.box.guid == guid and kept == 1, "it was another mailbox")
    text = f"SELF was put back: let in at once, the same mailbox with its {kept} mail"
    return Seen(Found.OTHERWISE, text)


def delegates_stay(version: Version) -> Seen:
    stage = Stage(version)
    stage.org.set_permission(LEAVER, "bob@corp.example", (FULL_ACCESS,))
    _take_off(stage)
    stage.disable()
    stage.wait(QUARTER_S)
    own = stage.knock()
    bob = stage.org.sign_in_direct("ex01", Protocol.IMAP, "bob@corp.example", "Bob-password-1")
    expect(isinstance(bob, Principal) and own is not None, "the leaver was let in")
    opened = (
        bob
        if isinstance(bob, Denied)
        else stage.org.enter("ex01", Protocol.IMAP, bob, mailbox=stage.name)
    )
    expect(not isinstance(opened, Denied), "the delegate was refused")
    text = (
        f"SELF off, account disabled: {span(QUARTER_S)} later its owner was refused, a delegate not"
    )
    return Seen(Found.AS_CLAIMED, text)


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "self-off-leaves-fifteen-minutes": self_off_leaves_fifteen_minutes,
    "self-back-by-the-shell": self_back_by_the_shell,
    "mailbox-made-again": mailbox_made_again,
    "delegates-stay": delegates_stay,
}
