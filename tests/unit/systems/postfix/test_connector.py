# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec import structs

from evict.core.account import Account
from evict.core.door import Nature
from evict.core.errors import AccessRefused, Bug, ConfigError
from evict.core.exposure import Source
from evict.core.measure import Actor, EffectKind, Measure, Stage
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.base import Connector, Observation, Order, Passwords
from evict.systems.postfix.connector import PostfixConnector
from evict.systems.postfix.snippet import snippet
from tests.unit.systems.postfix.fake_tools import HOOK, FakePostfix

ALICE = Account(
    id="0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10",
    directory="directory",
    dn="CN=alice,DC=corp,DC=test",
    sam="alice",
    upn="alice@corp.test",
    domain="CORP",
    dns_domain="corp.test",
    addresses=("alice@corp.test", "a.smith@corp.test"),
)
PASSWORDS = Passwords(first=Secret("first"), second=Secret("second"))
MAILS = [
    ("deferred", "AAAA1", "alice@corp.test"),
    ("active", "AAAA2", "A.Smith+x@corp.test"),
    ("hold", "AAAA3", "alice@corp.test"),
    ("deferred", "BBBB1", "bob@corp.test"),
]


def order(*, hold: bool) -> Order:
    at = datetime.now(UTC)
    return Order(generation=1, commit_at=at, forms=login_forms(ALICE), hold_queue=hold)


async def held(postfix: FakePostfix) -> tuple[Connector, Measure]:
    """Hold the leaver's queue; the connector and the measure that did it."""
    connector: Connector = PostfixConnector(postfix.section())
    seen = await connector.observe(ALICE, order(hold=True))
    measures = connector.plan(ALICE, seen, order(hold=True))
    (measure,) = [m for m in measures if m.actor is Actor.CONTROL]
    await connector.apply(ALICE, measure, order(hold=True), PASSWORDS)
    return connector, measure


def queue_door(seen: Observation) -> tuple[Nature, Outcome]:
    (expectation,) = [e for e in seen.expectations if e.door.protocol == "queue"]
    (sighting,) = [s for s in seen.sightings if s.door == expectation.door]
    return expectation.nature, sighting.outcome


async def test_queued_mail_is_counted_and_left_alone_by_default(postfix: FakePostfix) -> None:
    postfix.queue(MAILS)
    connector = PostfixConnector(postfix.section())
    seen = await connector.observe(ALICE, order(hold=False))
    assert queue_door(seen) == (Nature.OUTSIDE, Outcome.PRESENT)
    assert seen.facts == ("queued mails of the leaver that wait to leave: 2, on hold: 1",)
    assert {m.actor for m in connector.plan(ALICE, seen, order(hold=False))} == {Actor.AGENT}


async def test_queued_mail_is_held_on_demand_and_nobody_elses(postfix: FakePostfix) -> None:
    postfix.queue(MAILS)
    connector, measure = await held(postfix)
    assert measure.stage is Stage.MAIL_FLOW
    assert postfix.queued() == {
        "AAAA1": "hold",
        "AAAA2": "hold",
        "AAAA3": "hold",
        "BBBB1": "deferred",
    }
    seen = await connector.observe(ALICE, order(hold=True))
    assert queue_door(seen) == (Nature.PROVABLE, Outcome.EMPTY)
    again = await connector.apply(ALICE, measure, order(hold=True), PASSWORDS)
    assert again.kind is EffectKind.UNCHANGED


async def test_an_undo_releases_exactly_what_was_held(postfix: FakePostfix) -> None:
    postfix.queue(MAILS)
    connector, measure = await held(postfix)
    assert measure.image is not None
    effect = await connector.undo(ALICE, measure.image, overwrite=False)
    assert effect.kind is EffectKind.DONE
    assert postfix.queued()["AAAA1"] == "deferred"
    assert postfix.queued()["AAAA3"] == "hold"
    again = await connector.undo(ALICE, measure.image, overwrite=False)
    assert again.kind is EffectKind.UNCHANGED


async def test_an_undo_says_what_is_not_on_hold_any_more(postfix: FakePostfix) -> None:
    postfix.queue(MAILS)
    connector, measure = await held(postfix)
    assert measure.image is not None
    postfix.queue([("hold", "AAAA1", "alice@corp.test")])
    effect = await connector.undo(ALICE, measure.image, overwrite=False)
    assert effect.detail == "mails released: 1; not on hold any more: 1"


async def test_mail_queued_later_is_a_measure_of_its_own(postfix: FakePostfix) -> None:
    postfix.queue(MAILS)
    connector, first = await held(postfix)
    mails = [(name, number, "alice@corp.test") for number, name in postfix.queued().items()]
    postfix.queue([*mails[:3], ("deferred", "AAAA9", "alice@corp.test")])
    seen = await connector.observe(ALICE, order(hold=True))
    (second,) = [
        m for m in connector.plan(ALICE, seen, order(hold=True)) if m.actor is Actor.CONTROL
    ]
    assert second.id != first.id
    assert second.image is not None
    assert set(second.image.before) == {"AAAA9"}


async def test_a_queue_that_cannot_be_read_is_never_empty(postfix: FakePostfix) -> None:
    connector = PostfixConnector(postfix.section())
    postfix.say("queue", "half an answ")
    assert queue_door(await connector.observe(ALICE, order(hold=True)))[1] is Outcome.UNCLEAR
    postfix.remove("postqueue")
    assert queue_door(await connector.observe(ALICE, order(hold=True)))[1] is Outcome.UNCLEAR
    whole = FakePostfix(postfix.folder)  # the fault gone: the same look says empty
    seen = await PostfixConnector(whole.section()).observe(ALICE, order(hold=True))
    assert queue_door(seen)[1] is Outcome.EMPTY


async def test_sudo_that_refuses_names_its_one_line(postfix: FakePostfix) -> None:
    postfix.queue(MAILS)
    refusing = ("sh", "-c", "echo 'sudo: a password is required' >&2; exit 1", "--")
    section = structs.replace(postfix.section(), hold_prefix=refusing)
    connector = PostfixConnector(section)
    seen = await connector.observe(ALICE, order(hold=True))
    measures = connector.plan(ALICE, seen, order(hold=True))
    with pytest.raises(AccessRefused, match=r"NOPASSWD: /usr/sbin/postsuper -c /etc/postfix -h -"):
        await connector.apply(ALICE, measures[-1], order(hold=True), PASSWORDS)


async def test_live_connections_rest_on_the_hook(postfix: FakePostfix) -> None:
    connector = PostfixConnector(postfix.section())
    seen = await connector.observe(ALICE, order(hold=False))
    notes = {e.door.name: (e.predicted_s, e.note) for e in seen.expectations}
    predicted, note = notes["postfix/submission/session"]
    assert predicted is not None
    assert "no list" in note
    assert "idle" in note
    (refuse,) = connector.plan(ALICE, seen, order(hold=False))
    assert {d.name for d in refuse.doors} == {
        "postfix/submission/password",
        "postfix/submission/session",
    }
    with pytest.raises(Bug):
        await connector.apply(ALICE, refuse, order(hold=False), PASSWORDS)


async def test_without_a_hook_nothing_is_promised_and_nothing_planned(
    postfix: FakePostfix,
) -> None:
    connector = PostfixConnector(postfix.section(hook=None))
    seen = await connector.observe(ALICE, order(hold=False))
    assert all(e.predicted_s is None for e in seen.expectations)
    assert connector.plan(ALICE, seen, order(hold=False)) == ()


async def test_exposure_is_read_from_the_server(postfix: FakePostfix) -> None:
    found = {e.door.name: e for e in await PostfixConnector(postfix.section()).exposure()}
    assert found["postfix/submission/session"].closes_after_s is None
    assert found["postfix/queue/mail"].closes_after_s == 432000
    assert found["postfix/submission/password"].source is Source.ASSUMED
    postfix.change("main", "smtpd_sasl_type = dovecot", "smtpd_sasl_type = cyrus")
    other = {e.door.name: e for e in await PostfixConnector(postfix.section()).exposure()}
    assert other["postfix/submission/password"].closes_after_s is None


def test_the_submission_door_is_tried_where_the_configuration_says(postfix: FakePostfix) -> None:
    (endpoint,) = PostfixConnector(postfix.section()).endpoints()
    assert (endpoint.host, endpoint.port, endpoint.tls.value) == (
        "mail.corp.test",
        587,
        "starttls",
    )


async def test_a_server_that_has_the_snippet_pleases_the_doctor(postfix: FakePostfix) -> None:
    text = snippet(postfix.section())
    policy = text.partition("evict_policy = ")[2].partition("\nsmtpd_delay")[0]
    policy = policy.partition("\n#")[0].replace("\n", " ")
    options = [
        line.removeprefix("#   -o ").replace("$evict_policy", policy).replace("=", " = ", 1)
        for line in text.splitlines()
        if line.startswith("#   -o ")
    ]
    postfix.say("options", "".join(f"192.0.2.1:587/inet/{line}\n" for line in options))
    found = await PostfixConnector(postfix.section()).findings()
    assert {f.severity.value for f in found} == {"ok"}, found
    assert len(options) == 3


def test_the_snippet_asks_over_tcp_where_there_is_no_socket(postfix: FakePostfix) -> None:
    tcp = structs.replace(HOOK, unix_socket=None)
    assert "inet:192.0.2.1:10040" in snippet(postfix.section(hook=tcp))
    nowhere = structs.replace(tcp, listen=None)
    for section in (postfix.section(hook=None), postfix.section(hook=nowhere)):
        with pytest.raises(ConfigError):
            snippet(section)
