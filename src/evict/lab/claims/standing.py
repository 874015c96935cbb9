# SPDX-License-Identifier: Apache-2.0
"""Of what stands on a mailbox: its quarantine, its partnerships with phones, its rules."""

from __future__ import annotations

from typing import Final

from evict.lab.claims.seen import DAY_S, HOUR_S, Demonstration, Found, Seen, expect, span
from evict.lab.claims.stage import LEAVER, PHONE, Stage
from evict.lab.model.mailbox import InboxRule
from evict.lab.model.profile import Version
from evict.lab.model.words import Denial, ModelError, Protocol

_OUTSIDE: Final = "alice@home.example"
_CUSTOMER: Final = "customer@partner.example"


def _quarantined(stage: Stage) -> Seen | None:
    """None: it is."""
    try:
        stage.org.quarantine(LEAVER)
    except ModelError as error:
        expect(error.kind == "unsupported", error.text)
        return Seen(Found.INAPPLICABLE, "it has no Enable-MailboxQuarantine")
    return None


def quarantine_at_once(version: Version) -> Seen:
    stage = Stage(version)
    live = [stage.live(p) for p in (Protocol.MAPI, Protocol.IMAP, Protocol.ACTIVESYNC)]
    stage.signed_in(Protocol.OWA)
    absent = _quarantined(stage)
    if absent is not None:
        return absent
    ended = sum(bool(session.ended) for session in live)
    page = stage.knock(Protocol.OWA)
    text = f"{ended} of {len(live)} live sessions ended in the same second, the token lived"
    expect(ended == len(live), text)
    expect(page is Denial.QUARANTINED, f"{text}, OWA: {page}")
    return Seen(Found.AS_CLAIMED, f"{text} and OWA was refused all the same")


def quarantine_returns_mail(version: Version) -> Seen:
    stage = Stage(version)
    absent = _quarantined(stage)
    if absent is not None:
        return absent
    stage.org.submit("bob", [stage.name], "Order 1", "")
    bounced = len(stage.org.mail.bounced)
    told = [m.subject for m in stage.org.mailboxes["bob"].messages["Inbox"]]
    expect(bounced == 1 and len(told) == 1, f"{bounced} of 1 mail came back")
    return Seen(Found.AS_CLAIMED, f'1 of 1 mail came back to a colleague, as "{told[0]}"')


def quarantine_opens_by_itself(version: Version) -> Seen:
    stage = Stage(version)
    absent = _quarantined(stage)
    if absent is not None:
        return absent
    stage.wait(DAY_S - 1)
    before = stage.knock()
    stage.wait(1)
    after = stage.knock()
    expect(before is not None, f"let in before {span(DAY_S)}")
    expect(after is None, f"refused after {span(DAY_S)}")
    text = f"the account left enabled: refused {span(DAY_S - 1)} after, let in at {span(DAY_S)}"
    return Seen(Found.AS_CLAIMED, text)


def partnership_made_again(version: Version) -> Seen:
    stage = Stage(version)
    stage.signed_in(Protocol.ACTIVESYNC)
    first = stage.box.devices[PHONE.device_id].first_sync
    stage.wait(HOUR_S)
    stage.org.mobile.remove(stage.box, PHONE.device_id)
    gone = len(stage.box.devices)
    denial = stage.knock()
    expect(denial is None and gone == 0, f"the phone was refused: {denial}")
    again = stage.box.devices[PHONE.device_id].first_sync
    expect(again > first, "the partnership was the old one")
    return Seen(
        Found.AS_CLAIMED,
        f"{gone} partnerships after the removal, {len(stage.box.devices)} after the phone's next "
        "request, which was let in",
    )


def rules_go_on(version: Version) -> Seen:
    stage = Stage(version)
    stage.box.rules.append(InboxRule("1", "to my private address", redirect_to=(_OUTSIDE,)))
    stage.disable()
    stage.reset("New-password-2")
    flags = ("owa", "activesync", "mapi", "imap", "pop3")
    stage.org.set_features(LEAVER, **dict.fromkeys(flags, False))
    stage.wait(DAY_S)
    stage.org.deliver(_CUSTOMER, stage.name, "Order 1", "")
    left = len(stage.org.mail.outside)
    text = (
        f"account disabled, password reset, {len(flags)} features off: {span(DAY_S)} later {left} "
        "of 1 mail went to a private address"
    )
    expect(left == 1, text)
    return Seen(Found.AS_CLAIMED, text)


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "quarantine-at-once": quarantine_at_once,
    "quarantine-returns-mail": quarantine_returns_mail,
    "quarantine-opens-by-itself": quarantine_opens_by_itself,
    "partnership-made-again": partnership_made_again,
    "rules-go-on": rules_go_on,
}
