# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evict.control.cases.acknowledged import AgentSaid, effects, sightings
from evict.core.door import Credential, Door
from evict.core.measure import Actor, EffectKind, Measure, Stage
from evict.core.sighting import Method, Outcome
from evict.ledger.feed import CutStep

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOGIN = Door(system="dovecot", protocol="imap", credential=Credential.PASSWORD)
IMAP = Door(system="dovecot", protocol="imap", credential=Credential.SESSION)
POP3 = Door(system="dovecot", protocol="pop3", credential=Credential.SESSION)


def measure(stage: Stage, *doors: Door, actor: Actor = Actor.AGENT) -> Measure:
    name = stage.name.lower()
    return Measure(
        id=f"dovecot:{name}", system="dovecot", stage=stage, actor=actor, doors=doors, why="a test"
    )


PLAN = (
    measure(Stage.REFUSE, LOGIN),
    measure(Stage.FLUSH, LOGIN),
    measure(Stage.KICK, IMAP, POP3),
)


def said(
    step: str | None = None, *, hooks: tuple[str, ...] = ("dovecot",), **more: object
) -> AgentSaid:
    cut = None
    if step is not None:
        left = more.get("left", {})
        assert isinstance(left, dict)
        cut = CutStep(seq=1, system="dovecot", step=step, at=AT, left=left, detail="down")
    return AgentSaid(agent="mx1", hooks=hooks, at=AT + timedelta(milliseconds=3), step=cut)


def test_an_acknowledgement_speaks_for_the_logins_of_a_hook_that_the_agent_answers() -> None:
    (seen,) = sightings(PLAN, [said()])
    assert (seen.door, seen.method, seen.outcome) == (LOGIN, Method.HOOK, Outcome.REFUSED)
    assert seen.where == "agent mx1"


def test_an_agent_that_answers_another_hook_proves_nothing() -> None:
    assert sightings(PLAN, [said(hooks=("postfix",))]) == ()


def test_a_look_that_found_sessions_opens_only_the_doors_it_found_them_at() -> None:
    (seen,) = sightings(PLAN, [said("look", left={"imap": 2})])
    assert (seen.door, seen.outcome) == (IMAP, Outcome.PRESENT)


def test_quiet_shuts_every_session_door_and_failed_shuts_none() -> None:
    assert {s.outcome for s in sightings(PLAN, [said("quiet")])} == {Outcome.EMPTY}
    assert {s.outcome for s in sightings(PLAN, [said("failed")])} == {Outcome.UNREACHABLE}


def test_a_measure_that_no_agent_reported_has_failed_and_is_never_called_done() -> None:
    assert {e.kind for e in effects(PLAN, [])} == {EffectKind.FAILED}


def test_each_measure_is_done_by_its_own_word_of_the_agent() -> None:
    kinds = {e.measure: e.kind for e in effects(PLAN, [said(), said("flush")])}
    assert kinds == {
        "dovecot:refuse": EffectKind.DONE,
        "dovecot:flush": EffectKind.DONE,
        "dovecot:kick": EffectKind.FAILED,
    }
    assert all(e.kind is EffectKind.DONE for e in effects(PLAN[2:], [said("quiet")]))


def test_the_control_planes_own_measures_are_not_the_agents() -> None:
    own = (measure(Stage.KICK, IMAP, actor=Actor.CONTROL),)
    assert effects(own, [said("quiet")]) == ()
    assert sightings(own, [said("quiet")]) == ()
