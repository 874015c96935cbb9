# SPDX-License-Identifier: Apache-2.0
"""Of what is live, or was checked before: Outlook, tickets, mail connections."""

from __future__ import annotations

from typing import Final

from evict.lab.claims.seen import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    QUARTER_S,
    Demonstration,
    Found,
    NotSeenError,
    Seen,
    expect,
    span,
)
from evict.lab.claims.stage import Knock, Stage, ends_after_s, until_refused_s, why
from evict.lab.model.profile import Version
from evict.lab.model.words import Denied, Protocol

_DIRECT: Final = (Protocol.IMAP, Protocol.POP3, Protocol.SMTP)
_TICKET_S: Final = 10 * HOUR_S


def _session_stays_s(
    stage: Stage, protocol: Protocol, every_s: int, most_s: int = DAY_S
) -> int | None:
    session = stage.live(protocol)
    stage.disable()

    return until_refused_s(stage, lambda: why(stage.org.use(session)), every_s, most_s)


def _ticket_ends_s(version: Version) -> int | None:
    """A service ticket that she had before her account was disabled."""

    def prepare() -> tuple[Stage, Knock]:
        stage = Stage(version)
        granting = stage.org.tickets.sign_in(stage.name, stage.org.directory.get("alice").password)
        if isinstance(granting, Denied):
            raise NotSeenError(f"no ticket to begin with: {granting.denial}")
        ticket = stage.org.tickets.service(granting, "ex01")
        if isinstance(ticket, Denied):
            raise NotSeenError(f"no service ticket to begin with: {ticket.denial}")
        stage.disable()
        return stage, lambda: why(stage.org.tickets.accept("ex01", ticket))

    return ends_after_s(prepare)


def inside_at_once(version: Version) -> Seen:
    stage = Stage(version)
    outlook = _session_stays_s(stage, Protocol.MAPI, MINUTE_S)
    anew = stage.knock(Protocol.MAPI)
    ticket = _ticket_ends_s(version)
    text = (
        f"a new sign-in by NTLM was refused at once; an open Outlook {_goes_on(outlook)}, "
        f"a Kerberos ticket {_goes_on(ticket)}"
    )
    expect(anew is not None, "a new sign-in by NTLM was let in")
    if outlook == MINUTE_S and ticket == 0:
        return Seen(Found.AS_CLAIMED, text)
    expect(outlook in (None, 2 * HOUR_S) and ticket == _TICKET_S, text)
    return Seen(Found.OTHERWISE, text)


def _goes_on(ends_s: int | None) -> str:
    return f"was still in after {span(DAY_S)}" if ends_s is None else f"ended after {span(ends_s)}"


def outside_others_refused(version: Version) -> Seen:
    stage = Stage(version)
    web = [Protocol.OWA, Protocol.ACTIVESYNC]
    if stage.profile.has("ews"):
        web.append(Protocol.EWS)
    stage.signed_in(*web, *_DIRECT)
    stage.disable()
    doors = (*web, *_DIRECT)
    let_in = [str(door) for door in doors if stage.knock(door) is None]
    refused = [str(door) for door in doors if str(door) not in let_in]
    text = f"let in: {', '.join(let_in)}; refused: {', '.join(refused)}"
    if let_in == ["owa", "activesync"]:
        return Seen(Found.AS_CLAIMED, text)
    expect(let_in == ["owa", "activesync", "ews"], text)
    return Seen(Found.OTHERWISE, text)


def outlook_two_hours(version: Version) -> Seen:
    stays = _session_stays_s(Stage(version), Protocol.MAPI, 1, 2 * HOUR_S + MINUTE_S)
    if stays is None:
        stays = _session_stays_s(Stage(version), Protocol.MAPI, MINUTE_S)
        expect(stays is None, f"an open Outlook was refused after {span(stays)}")
        text = f"an open Outlook was still in {span(DAY_S)} after the account was disabled"
        return Seen(Found.OTHERWISE, text)
    text = f"an open Outlook was refused {span(stays)} after the account was disabled"
    expect(stays == 2 * HOUR_S, text)
    return Seen(Found.AS_CLAIMED, f"{text}, not at {span(2 * HOUR_S - 1)}")


def ticket_ten_hours(version: Version) -> Seen:
    ends = _ticket_ends_s(version)
    text = f"a ticket taken just before was refused {span(ends)} after the account was disabled"
    expect(ends == _TICKET_S, text)
    return Seen(Found.AS_CLAIMED, f"{text}, not at {span(_TICKET_S - 1)}")


def mail_connections_go_on(version: Version) -> Seen:
    stage = Stage(version)
    imap = stage.live(Protocol.IMAP)
    smtp = stage.live(Protocol.SMTP)
    stage.disable()
    stage.reset("New-password-2")
    ended = until_refused_s(stage, lambda: why(stage.org.use(smtp)), MINUTE_S, QUARTER_S)
    expect(stage.org.use(imap) is None, "the IMAP connection was refused")
    kept = until_refused_s(stage, lambda: why(stage.org.use(imap)), 5 * MINUTE_S)
    text = (
        f"account disabled, password reset: an IMAP connection used every {span(5 * MINUTE_S)} "
        f"{_goes_on(kept)}; one of submission ended after {span(ended)}"
    )
    expect(kept is None and ended == 10 * MINUTE_S, text)
    return Seen(Found.AS_CLAIMED, text)


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "inside-at-once": inside_at_once,
    "outside-others-refused": outside_others_refused,
    "outlook-two-hours": outlook_two_hours,
    "ticket-ten-hours": ticket_ten_hours,
    "mail-connections-go-on": mail_connections_go_on,
}
