# SPDX-License-Identifier: Apache-2.0
"""Measures against what outlives every sign-in: rights elsewhere, forwarding, rules, a link."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from evict.core.making import measure
from evict.core.measure import Measure, Stage
from evict.systems.exchange.doors import Doors
from evict.systems.exchange.elsewhere import Grant, Kind
from evict.systems.exchange.inventory import Inventory
from evict.systems.exchange.values import as_text, rights_text

FORWARDING: Final = ("ForwardingAddress", "ForwardingSmtpAddress", "DeliverToMailboxAndForward")


def measures(system: str, doors: Doors, seen: Inventory) -> tuple[Measure, ...]:
    """Those that are needed still."""
    return (
        *(
            _take(system, doors, grant)
            for grant in (seen.elsewhere.elsewhere if seen.elsewhere else ())
        ),
        *_forwarding(system, doors, seen),
        *_rules(system, doors, seen),
        *_calendar(system, doors, seen),
        *_pin(system, doors, seen),
    )


def _take(system: str, doors: Doors, grant: Grant) -> Measure:
    target = grant_target(grant)
    return measure(
        system,
        "take-grant",
        Stage.GRANTS,
        (doors.grant("elsewhere"),),
        target=target,
        why=f"The leaver's right in somebody else's mailbox: {grant.sentence}.",
        undo="The right is given back.",
        image=(grant_image(grant), {"rights": ""}),
    )


def grant_target(grant: Grant) -> str:
    """Short and the same for the same right; a mailbox's name may be anything."""
    whole = f"{grant.kind}|{grant.mailbox}|{grant.folder}|{grant.holder}"
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{grant.kind}:{digest}"


def grant_image(grant: Grant) -> dict[str, str]:
    return {
        "kind": str(grant.kind),
        "mailbox": grant.mailbox,
        "folder": grant.folder,
        "holder": grant.holder,
        "rights": rights_text(grant.rights),
    }


def grant_of(image: Mapping[str, str]) -> Grant:
    """The grant that an image tells of."""
    return Grant(
        mailbox=image["mailbox"],
        kind=Kind(image["kind"]),
        holder=image["holder"],
        folder=image["folder"],
        rights=tuple(part for part in image["rights"].split(",") if part),
    )


def _forwarding(system: str, doors: Doors, seen: Inventory) -> Iterator[Measure]:
    mine = seen.mailbox
    if mine is None or not (mine.forwarding_address or mine.forwarding_smtp_address):
        return
    values = (
        mine.forwarding_address,
        mine.forwarding_smtp_address,
        as_text(mine.deliver_and_forward),
    )
    to = " and ".join(filter(None, values[:2]))
    yield measure(
        system,
        "stop-forwarding",
        Stage.MAIL_FLOW,
        (doors.grant("forward"),),
        why=f"Incoming mail is forwarded to {to}. Both attributes are cleared: with one of them"
        " gone the other would begin to count.",
        undo="Both attributes are put back.",
        image=(
            dict(zip(FORWARDING, values, strict=True)),
            {FORWARDING[0]: "", FORWARDING[1]: "", FORWARDING[2]: "false"},
        ),
    )


def _rules(system: str, doors: Doors, seen: Inventory) -> Iterator[Measure]:
    for rule in seen.rules:
        if rule.enabled and rule.targets:
            yield measure(
                system,
                "disable-rule",
                Stage.MAIL_FLOW,
                (doors.grant("rule"),),
                target=rule.identity,
                why=f"The inbox rule {rule.name!r} sends mail on to {', '.join(rule.targets)}."
                " Rules that Outlook itself keeps are lost where Exchange touches one.",
                undo="The rule is enabled again.",
                image=({"enabled": "true"}, {"enabled": "false"}),
            )


def _calendar(system: str, doors: Doors, seen: Inventory) -> Iterator[Measure]:
    if seen.calendar is not None and seen.calendar.published:
        yield measure(
            system,
            "unpublish-calendar",
            Stage.MAIL_FLOW,
            (doors.grant("calendar"),),
            why="The calendar is published: anybody who has its address reads it, without a name.",
            disturbs="whoever reads the calendar by its address",
            undo="It is published again; Exchange may give it another address.",
            image=({"published": "true"}, {"published": "false"}),
        )


def _pin(system: str, doors: Doors, seen: Inventory) -> Iterator[Measure]:
    if seen.pin_locked is False:
        yield measure(
            system,
            "lock-pin",
            Stage.GRANTS,
            (doors.grant("um"),),
            why="A phone PIN reads the mailbox out, whatever the directory says.",
            undo="The PIN is unlocked.",
            image=({"locked": "false"}, {"locked": "true"}),
        )
