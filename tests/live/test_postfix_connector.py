# SPDX-License-Identifier: Apache-2.0
"""The connector on the estate's Postfix."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from estate import layout as at
from estate import mailbox, people
from estate.layout import Layout
from estate.people import Person
from evict.config.model import PostfixHook, PostfixSection
from evict.core.errors import AccessRefused
from evict.core.exposure import Severity
from evict.core.measure import Actor, EffectKind
from evict.core.names import login_forms
from evict.core.sighting import Outcome
from evict.systems.base import Order
from evict.systems.postfix.connector import PostfixConnector
from evict.systems.postfix.snippet import snippet
from tests.live.accounts import PASSWORDS, account

pytestmark = pytest.mark.live

UNPRIVILEGED = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


def section(estate: Layout, port: int = at.SUBMISSION) -> PostfixSection:
    return PostfixSection(
        host=estate.ip,
        submission_port=port,
        config_directory=estate.postfix_etc,
        hold_prefix=(),
        hook=PostfixHook(unix_socket=estate.policy_socket, listen=f"{estate.ip}:{at.POLICY_TCP}"),
    )


def queued(estate: Layout, person: Person) -> list[str]:
    """Names of the queues that hold the person's mails."""
    mails = [json.loads(line) for line in mailbox.queued(estate).splitlines()]
    return [mail["queue_name"] for mail in mails if mail["sender"] == person.mail]


@pytest.mark.usefixtures("hooks")
async def test_the_leavers_queued_mail_is_held_and_released_and_nobody_elses(
    estate: Layout, person: Person, source: str
) -> None:
    bystander = people.create(estate, f"{person.name}-too")
    mailbox.queue(estate, person, "one", source)
    mailbox.queue(estate, person, "two", source)
    mailbox.queue(estate, bystander, "other", source)
    postfix, who = PostfixConnector(section(estate)), account(person)
    forms = login_forms(who)
    order = Order(generation=1, commit_at=datetime.now(UTC), forms=forms, hold_queue=True)
    seen = await postfix.observe(who, order)
    assert [s.outcome for s in seen.sightings] == [Outcome.PRESENT]
    (measure,) = [m for m in postfix.plan(who, seen, order) if m.actor is Actor.CONTROL]
    effect = await postfix.apply(who, measure, order, PASSWORDS)
    assert (effect.kind, effect.detail) == (EffectKind.DONE, "mails held: 2 of 2")
    assert queued(estate, person) == ["hold", "hold"]
    assert "hold" not in queued(estate, bystander)
    seen = await postfix.observe(who, order)
    assert [s.outcome for s in seen.sightings] == [Outcome.EMPTY]
    assert measure.image is not None
    undone = await postfix.undo(who, measure.image, overwrite=False)
    assert undone.detail == "mails released: 2"
    assert "hold" not in queued(estate, person)
    people.remove(estate, bystander)


@pytest.mark.parametrize("port", [at.SUBMISSION, at.SUBMISSION_TCP])
async def test_the_doctor_finds_nothing_to_mend(estate: Layout, port: int) -> None:
    found = await PostfixConnector(section(estate, port)).findings()
    assert [f for f in found if f.severity is not Severity.OK] == []
    assert {f.code for f in found} == {"postfix-queue", "postfix-hold", "postfix-hook"}


async def test_a_port_without_the_hook_is_found(estate: Layout) -> None:
    found = await PostfixConnector(section(estate, at.SMTP)).findings()
    assert "postfix-hook-not-at-rcpt" in {f.code for f in found}


async def test_a_user_without_rights_is_told_which_one_is_missing(estate: Layout) -> None:
    poor = structs.replace(section(estate), hold_prefix=UNPRIVILEGED)
    found = {f.code: f for f in await PostfixConnector(poor).findings()}
    assert found["postfix-hold"].severity is Severity.WARNING
    assert "superuser" in found["postfix-hold"].text
    no_sudo = (*UNPRIVILEGED, "sudo", "-n")
    connector = PostfixConnector(structs.replace(poor, hold_prefix=no_sudo))
    with pytest.raises(AccessRefused, match="NOPASSWD: /usr/sbin/postsuper"):
        await connector._queue.hold(())


async def test_exposure_is_read_from_the_running_configuration(estate: Layout) -> None:
    found = {e.door.name: e for e in await PostfixConnector(section(estate)).exposure()}
    assert found["postfix/submission/session"].closes_after_s is None
    assert found["postfix/queue/mail"].closes_after_s == 432000


def test_postfix_itself_takes_the_snippet(estate: Layout, tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    shutil.copytree(estate.postfix_etc, folder)
    made = section(estate)
    main = snippet(made).partition("# --- master.cf")[0]
    with (folder / "main.cf").open("a") as file:
        file.write(f"\n{main}\nsmtpd_data_restrictions = $evict_policy\n")
    command = ["postconf", "-c", str(folder), "-x", "-h", "smtpd_data_restrictions"]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    wanted = f"check_policy_service {{ unix:evict/{estate.policy_socket.name}, timeout=3s,"
    assert asked.stdout.startswith(wanted)
