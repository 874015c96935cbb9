# SPDX-License-Identifier: Apache-2.0
"""Mail that would go on leaving: the Sieve redirect and the queue, there and back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from estate import mailbox, people
from estate.layout import Layout
from estate.people import Person
from estate.product import Product
from tests.live.told import active_script, entries, evict, reinstate, revoke

pytestmark = pytest.mark.live


def queue_names(layout: Layout, leaver: Person) -> list[str]:
    """Of the leaver's queued mails: "deferred", "hold", ..."""
    mails = map(json.loads, mailbox.queued(layout).splitlines())
    return [mail["queue_name"] for mail in mails if mail["sender"] == leaver.mail]


def test_a_redirect_is_named_stopped_and_works_again_after_a_reinstatement(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout, to = product.layout, people.person("grace")
    mailbox.redirect(layout, leaver, to, next(addresses))
    mailbox.deliver(layout, leaver, f"one {leaver.name}")
    mailbox.wait_for_mail(layout, to, f"one {leaver.name}")
    doors = evict(product, "doors", leaver.upn).data
    assert any(to.mail in fact and "forward" in fact for fact in doors["facts"])

    told = revoke(product, leaver)
    assert (told.code, told.not_shut()) == (0, set())
    assert told.doors()["dovecot/sieve/grant"]["rests_on"] == ["list"]
    (effect,) = [e for e in told.report["effects"] if "deactivate-sieve" in e["measure"]]
    assert (effect["kind"], to.mail in effect["detail"]) == ("done", True)
    assert active_script(layout, leaver) == ""
    mailbox.deliver(layout, leaver, f"two {leaver.name}")
    mailbox.deliver(layout, to, f"later than two {leaver.name}")
    assert f"two {leaver.name}" not in mailbox.subjects(layout, to)

    back, _ = reinstate(product, leaver)
    assert back.code == 0, back.talk
    assert active_script(layout, leaver) == "forward"
    mailbox.deliver(layout, leaver, f"three {leaver.name}")
    mailbox.wait_for_mail(layout, to, f"three {leaver.name}")


def test_queued_mail_is_seen_and_left_alone_unless_it_is_to_be_held(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    mailbox.queue(layout, leaver, "slow", next(addresses))
    told = revoke(product, leaver)
    assert told.code == 0, told.talk
    assert told.doors()["postfix/queue/mail"]["nature"] == "outside"
    facts = evict(product, "doors", leaver.upn).data["facts"]
    assert "postfix: queued mails of the leaver that wait to leave: 1" in facts
    assert queue_names(layout, leaver) == ["deferred"]


def test_queued_mail_is_held_on_wish_and_released_by_a_reinstatement(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    mailbox.queue(layout, leaver, "slow", next(addresses))
    other = people.person("heidi")
    if not queue_names(layout, other):
        mailbox.queue(layout, other, "slow", next(addresses))
    told = revoke(product, leaver, "--hold-queue")
    assert (told.code, told.not_shut()) == (0, set())
    assert told.doors()["postfix/queue/mail"]["judgement"] == "shut"
    assert queue_names(layout, leaver) == ["hold"]
    assert "hold" not in queue_names(layout, other)
    back, _ = reinstate(product, leaver)
    assert back.code == 0, back.talk
    assert queue_names(layout, leaver) != ["hold"]
    assert len(queue_names(layout, leaver)) == 1


def test_a_second_order_may_hold_the_queue_that_the_first_one_left(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    mailbox.queue(product.layout, leaver, "slow", next(addresses))
    assert revoke(product, leaver).code == 0
    again = revoke(product, leaver, "--hold-queue")
    assert again.code == 0, again.talk
    assert queue_names(product.layout, leaver) == ["hold"]
    assert len(entries(product, leaver)) == 1
