# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

from evict.config.model import DovecotSection
from evict.core.measure import Actor, Measure, Stage
from evict.systems.dovecot.doors import Doors
from evict.systems.dovecot.scripts import ActiveScript


def plan(
    section: DovecotSection, doors: Doors, scripts: Iterable[ActiveScript]
) -> tuple[Measure, ...]:
    """The measures one mailbox needs; level-triggered, so they are the same at each look.

    Without a hook nothing keeps the cache from being filled again until the directory refuses, so
    flush and kick come after it.
    """
    if section.hook is not None:
        gate: tuple[Measure, ...] = (
            _refuse(section.name, doors),
            _flush(section.name, doors, Actor.AGENT, Stage.FLUSH),
            _kick(section.name, doors, Actor.AGENT, Stage.KICK),
        )
    else:
        gate = (
            _flush(section.name, doors, Actor.CONTROL, Stage.GRANTS),
            _kick(section.name, doors, Actor.CONTROL, Stage.MAIL_FLOW),
        )
    return (*gate, *(_deactivate(section.name, doors, script) for script in scripts))


def _refuse(system: str, doors: Doors) -> Measure:
    return Measure(
        id=f"{system}:refuse",
        system=system,
        stage=Stage.REFUSE,
        actor=Actor.AGENT,
        doors=(*doors.passwords, *doors.tickets),
        why="Dovecot asks the hook at every login, in front of its cache and for Kerberos tickets"
        " too, so nobody new comes in from the commit on.",
        undo="A reinstatement in the ledger lets the hook say yes again.",
    )


def _flush(system: str, doors: Doors, actor: Actor, stage: Stage) -> Measure:
    after = "" if actor is Actor.AGENT else " It comes after the directory refuses, not before."
    return Measure(
        id=f"{system}:flush",
        system=system,
        stage=stage,
        actor=actor,
        doors=doors.passwords,
        why="Dovecot's cache lets in a password it saw succeed, even while the directory is down,"
        f" until the entry is flushed.{after}",
    )


def _kick(system: str, doors: Doors, actor: Actor, stage: Stage) -> Measure:
    return Measure(
        id=f"{system}:kick",
        system=system,
        stage=stage,
        actor=actor,
        doors=doors.sessions,
        why="A live session is never asked again and lasts as long as its client speaks: it is"
        " ended, and the list is looked at until nothing is left.",
    )


def _deactivate(system: str, doors: Doors, script: ActiveScript) -> Measure:
    measure = f"{system}:deactivate-sieve:{script.user}"
    return Measure(
        id=measure,
        system=system,
        stage=Stage.GRANTS,
        actor=Actor.CONTROL,
        doors=(doors.script,),
        target=script.user,
        why=f"{script.sentence[0].upper()}{script.sentence[1:]}. Delivery runs it whatever the"
        " directory says.",
        undo="The script is kept with its hash, and activated again if it is still the same.",
        image=script.image(measure, system),
    )
