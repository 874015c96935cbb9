# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evict.control.cases.acknowledged import AgentSaid
from evict.control.cases.case import Case
from evict.control.progress import DoorJudged, Event
from evict.core.account import Account
from evict.core.door import Credential, Door
from evict.core.measure import Actor, Effect, EffectKind, Measure, Stage
from evict.core.revocation import Body, Entry, Kind
from evict.core.secret import Secret
from evict.core.sighting import Method, Outcome, Sighting
from evict.core.verdict import Expectation, Judgement
from evict.ledger.feed import CutStep
from evict.systems.base import Observation, Order, Passwords

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOGIN = Door(system="dovecot", protocol="imap", credential=Credential.PASSWORD)
WRITE = Measure(
    id="dovecot:write",
    system="dovecot",
    stage=Stage.GRANTS,
    actor=Actor.CONTROL,
    doors=(LOGIN,),
    why="a test",
)


def a_case(told: list[Event] | None = None) -> Case:
    account = Account(
        id="6f1c2a34-0000-4000-8000-000000000001",
        directory="directory",
        dn="CN=alice,DC=corp,DC=test",
        sam="alice",
        upn="alice@corp.test",
        domain="CORP",
        dns_domain="corp.test",
    )
    body = Body(
        ledger="l",
        epoch=1,
        seq=1,
        kind=Kind.REVOCATION,
        at=AT,
        account=account.id,
        generation=1,
        request="r",
    )
    entry = Entry(body=body, raw=b"{}", prev=bytes(32), hash=bytes(32))
    order = Order(generation=1, commit_at=AT, forms=("alice",))
    passwords = Passwords(first=Secret("one"), second=Secret("two"))
    events: list[Event] = told if told is not None else []
    return Case(account, entry, order, passwords, events.append)


def seen(outcome: Outcome, after_ms: int) -> Sighting:
    at = AT + timedelta(milliseconds=after_ms)
    return Sighting(
        door=LOGIN,
        method=Method.NEGATIVE_LOGIN,
        outcome=outcome,
        started_at=at,
        ended_at=at,
        where="mail:993",
    )


def test_a_door_is_unknown_until_somebody_looked_and_told_once_for_each_change() -> None:
    told: list[Event] = []
    case = a_case(told)
    case.expect([Expectation(door=LOGIN)])
    case.see(seen(Outcome.LET_IN, 5))
    case.see(seen(Outcome.LET_IN, 6))
    case.see(seen(Outcome.REFUSED, 9))
    words = [e.verdict.judgement for e in told if isinstance(e, DoorJudged)]
    assert words == [Judgement.UNVERIFIABLE, Judgement.OPEN, Judgement.SHUT]
    (verdict,) = case.verdicts()
    assert (verdict.last_success_ms, verdict.first_refusal_ms) == (6.0, 9.0)


def test_a_system_that_never_answered_still_has_its_doors_and_says_why() -> None:
    case = a_case()
    case.could_not_look("dovecot", "dovecot: connection refused", [LOGIN])
    (verdict,) = case.verdicts()
    assert verdict.judgement is Judgement.UNVERIFIABLE
    assert verdict.why == "dovecot: connection refused"
    assert case.all_failures() == ("dovecot: connection refused",)


def test_a_later_look_makes_an_earlier_failure_good() -> None:
    case = a_case()
    case.could_not_look("dovecot", "dovecot: connection refused", [LOGIN])
    case.observed(Observation(system="dovecot", expectations=(Expectation(door=LOGIN),)))
    assert case.all_failures() == ()


def test_what_was_done_stays_done_when_a_second_look_finds_nothing_to_do() -> None:
    case = a_case()
    case.planned([WRITE])
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.DONE))
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.UNCHANGED))
    assert [e.kind for e in case.all_effects()] == [EffectKind.DONE]


def test_an_uncertain_write_counts_as_a_failure_until_a_look_settles_it() -> None:
    case = a_case()
    case.planned([WRITE])
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.UNCERTAIN, detail="no answer"))
    assert case.all_failures() == ("dovecot:write: no answer",)
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.UNCHANGED))
    assert case.all_failures() == ()


def rests_after(*, beyond: bool) -> bool:
    case = a_case()
    case.expect([Expectation(door=LOGIN)])
    case.planned([WRITE])
    case.see(seen(Outcome.LET_IN, 10))
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.FAILED, detail="no right"))
    if beyond:
        case.beyond_us.add(WRITE.id)
    return case.at_rest()


def test_what_our_rights_do_not_reach_is_not_tried_again_in_the_same_look() -> None:
    assert rests_after(beyond=True)
    assert not rests_after(beyond=False), "the twin: what may work later is tried again"


def test_another_open_door_keeps_a_case_going_beside_one_beyond_our_rights() -> None:
    case = a_case()
    other = Door(system="dovecot", protocol="pop3", credential=Credential.PASSWORD)
    case.expect([Expectation(door=other)])
    case.planned([WRITE])
    case.beyond_us.add(WRITE.id)
    assert not case.at_rest()


def test_a_live_session_that_nothing_lists_keeps_no_case_going() -> None:
    case = a_case()
    live = Door(system="exchange", protocol="imap", credential=Credential.SESSION)
    case.expect([Expectation(door=live)])
    assert case.at_rest()
    assert [v.judgement for v in case.verdicts() if v.door == live] == [Judgement.UNVERIFIABLE]


def test_a_case_has_been_struck_once_an_agent_has_kicked_and_not_by_a_flush() -> None:
    case = a_case()
    for step, struck in (("flush", False), ("kick", True)):
        cut = CutStep(seq=1, system="dovecot", step=step, at=AT)
        case.heard(AgentSaid(agent="mail", hooks=("dovecot",), at=AT, step=cut))
        assert case.struck.is_set() is struck


def test_a_done_measure_that_fails_later_is_a_failure() -> None:
    case = a_case()
    case.planned([WRITE])
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.DONE))
    case.came_to(Effect(measure=WRITE.id, kind=EffectKind.FAILED, detail="refused"))
    assert case.all_failures() == ("dovecot:write: refused",)
