# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import Sequence

from evict.config.model import PostfixSection
from evict.core.measure import Actor, BeforeImage, Measure, Stage
from evict.systems.base import Order
from evict.systems.postfix.doors import Doors
from evict.systems.postfix.queue import HOLD, Mail


def plan(
    section: PostfixSection, doors: Doors, leaving: Sequence[Mail], order: Order | None
) -> tuple[Measure, ...]:
    """The measures one account needs.

    Args:
        leaving: the account's queued mail that is not on hold.
    """
    measures = []
    if section.hook is not None:
        measures.append(_refuse(section.name, doors))
    if order is not None and order.hold_queue and leaving:
        measures.append(_hold(section.name, doors, leaving))
    return tuple(measures)


def _refuse(system: str, doors: Doors) -> Measure:
    return Measure(
        id=f"{system}:refuse",
        system=system,
        stage=Stage.REFUSE,
        actor=Actor.AGENT,
        doors=(doors.password, doors.session),
        why="Postfix asks the hook at RCPT, DATA and end of data, where the login name is known:"
        " a live connection is refused and cut there, and a mail in the middle of DATA is not"
        " taken.",
        undo="A reinstatement in the ledger lets the hook say yes again.",
    )


def _hold(system: str, doors: Doors, leaving: Sequence[Mail]) -> Measure:
    """One measure a set of mails: what is queued later is a measure of its own, with its image."""
    before = {mail.queue_id: mail.queue_name for mail in leaving}
    digest = hashlib.sha256("\n".join(sorted(before)).encode("ascii")).hexdigest()[:12]
    measure = f"{system}:hold-queue:{digest}"
    return Measure(
        id=measure,
        system=system,
        stage=Stage.MAIL_FLOW,
        actor=Actor.CONTROL,
        doors=(doors.queue,),
        target=digest,
        why=f"Queued mails of the leaver that would still go out: {len(leaving)}.",
        disturbs="the recipients, who do not get these mails while they are held",
        undo="Exactly these mails are released.",
        image=BeforeImage(
            measure=measure,
            system=system,
            target=digest,
            before=before,
            after=dict.fromkeys(before, HOLD),
        ),
    )
