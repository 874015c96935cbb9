# SPDX-License-Identifier: Apache-2.0
"""The connector on the estate's Dovecot, its settings read by a user without any right."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from estate import layout as at
from estate import mailbox, people
from estate.clients.lines import Ended, Refused
from estate.clients.sessions import Imap, ManageSieve, Pop3
from estate.layout import Layout
from estate.people import Person
from estate.standin import StandIn
from evict.config.model import DovecotHook, DovecotSection
from evict.core.exposure import Severity
from evict.core.measure import EffectKind, Measure
from evict.core.secret import Secret
from evict.core.sighting import Outcome
from evict.systems.base import Observation
from evict.systems.dovecot.connector import DovecotConnector
from evict.systems.dovecot.snippet import snippet
from tests.live.accounts import PASSWORDS, account, order

pytestmark = pytest.mark.live

UNPRIVILEGED = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


def section(estate: Layout, *, hooked: bool = True) -> DovecotSection:
    hook = DovecotHook(listen=f"{estate.ip}:{at.AUTH_POLICY}", api_key_file=Path("/nowhere"))
    return DovecotSection(
        doveadm_url=f"http://{estate.ip}:{at.DOVEADM}/doveadm/v1",
        api_key_file=Path("/nowhere"),
        host=estate.ip,
        username_format="%Ln",
        gssapi=True,
        master_user=at.MASTER_USER,
        master_separator="*",
        config_file=estate.dovecot_conf,
        command_prefix=UNPRIVILEGED,
        hook=hook if hooked else None,
    )


@pytest.fixture
async def dovecot(estate: Layout) -> AsyncIterator[DovecotConnector]:
    """As without a hook, so that flushing and kicking are the connector's."""
    made = DovecotConnector(section(estate, hooked=False), Secret(at.DOVEADM_KEY))
    yield made
    await made.close()


def outcomes(seen: Observation) -> dict[str, Outcome]:
    return {f"{s.door.protocol}/{s.door.credential}": s.outcome for s in seen.sightings}


async def planned(dovecot: DovecotConnector, person: Person, verb: str) -> Measure:
    who, what = account(person), order(person)
    measures = dovecot.plan(who, await dovecot.observe(who, what), what)
    return next(m for m in measures if m.id.split(":")[1] == verb)


@pytest.mark.usefixtures("hooks")
async def test_sessions_of_every_protocol_are_listed_and_kicked_and_nobody_elses(
    estate: Layout, person: Person, sources: Iterator[str], dovecot: DovecotConnector
) -> None:
    bystander = people.create(estate, f"{person.name}-too")
    mine = [kind(estate, person, next(sources)) for kind in (Imap, Pop3, ManageSieve)]
    other = Imap(estate, bystander, next(sources))
    who, what = account(person), order(person)
    before = outcomes(await dovecot.observe(who, what))
    sessions = ["imap/session", "pop3/session", "managesieve/session"]
    assert [before[s] for s in sessions] == [Outcome.PRESENT] * 3
    kick = await planned(dovecot, person, "kick")
    effect = await dovecot.apply(who, kick, what, PASSWORDS)
    assert effect.kind is EffectKind.DONE
    after = outcomes(await dovecot.observe(who, what))
    assert [after[s] for s in sessions] == [Outcome.EMPTY] * 3
    for session in mine:
        with pytest.raises((Ended, Refused)):  # POP3 says goodbye with an error
            session.beat()
        session.close()
    other.beat()
    other.close()
    people.remove(estate, bystander)


@pytest.mark.usefixtures("hooks")
async def test_a_flush_takes_the_cached_login_and_says_so(
    estate: Layout, person: Person, source: str, dovecot: DovecotConnector
) -> None:
    Imap(estate, person, source).close()
    who, what = account(person), order(person)
    flush = await planned(dovecot, person, "flush")
    assert (await dovecot.apply(who, flush, what, PASSWORDS)).kind is EffectKind.DONE
    assert (await dovecot.apply(who, flush, what, PASSWORDS)).kind is EffectKind.UNCHANGED


async def test_a_redirect_is_seen_ended_and_put_back(
    estate: Layout, person: Person, hooks: StandIn, source: str, dovecot: DovecotConnector
) -> None:
    thief = people.create(estate, f"{person.name}-thief")
    mailbox.redirect(estate, person, thief, source)
    who, what = account(person), order(person)
    seen = await dovecot.observe(who, what)
    assert f"forwards to {thief.mail}" in seen.facts[0]
    measure = await planned(dovecot, person, "deactivate-sieve")
    assert (await dovecot.apply(who, measure, what, PASSWORDS)).kind is EffectKind.DONE
    assert outcomes(await dovecot.observe(who, what))["sieve/grant"] is Outcome.EMPTY
    mailbox.deliver(estate, person, "kept here")
    assert "kept here" not in mailbox.subjects(estate, thief)
    assert measure.image is not None
    assert (await dovecot.undo(who, measure.image, overwrite=False)).kind is EffectKind.DONE
    mailbox.deliver(estate, person, "goes on")
    mailbox.wait_for_mail(estate, thief, "goes on")
    assert hooks.policy_questions
    people.remove(estate, thief)


async def test_a_deleted_script_is_put_back_from_its_before_image_on_demand(
    estate: Layout, person: Person, source: str, hooks: StandIn, dovecot: DovecotConnector
) -> None:
    mailbox.redirect(estate, person, person, source)
    assert hooks.policy_questions
    who, what = account(person), order(person)
    measure = await planned(dovecot, person, "deactivate-sieve")
    assert measure.image is not None
    await dovecot.apply(who, measure, what, PASSWORDS)
    stored = estate.mail / person.name.lower() / "sieve" / "forward.sieve"
    stored.unlink()
    drifted = await dovecot.undo(who, measure.image, overwrite=False)
    assert drifted.kind is EffectKind.DRIFTED
    assert not stored.exists()
    forced = await dovecot.undo(who, measure.image, overwrite=True)
    assert forced.kind is EffectKind.DONE
    assert outcomes(await dovecot.observe(who, what))["sieve/grant"] is Outcome.PRESENT
    assert (await dovecot.undo(who, measure.image, overwrite=False)).kind is EffectKind.UNCHANGED


async def test_looking_makes_no_folders_for_an_alias_of_the_same_home(
    estate: Layout, person: Person, dovecot: DovecotConnector
) -> None:
    plain = structs.replace(account(person), addresses=(person.mail,))
    await dovecot.observe(plain, None)
    names = {folder.name for folder in estate.mail.iterdir() if person.name in folder.name}
    assert names <= {person.name.lower()}


async def test_the_doctor_and_exposure_need_no_right_to_the_secrets(estate: Layout) -> None:
    made = DovecotConnector(
        section(estate), Secret(at.DOVEADM_KEY), probe_network=str(estate.probe_network)
    )
    found = await made.findings()
    lines = {line.door.name: line.closes_after_s for line in await made.exposure()}
    await made.close()
    assert [f for f in found if f.severity is not Severity.OK] == []
    assert {"dovecot-doveadm", "dovecot-hook"} <= {f.code for f in found}
    assert lines["dovecot/imap/password"] == 3600
    assert lines["dovecot/sieve/grant"] is None


async def test_a_wrong_key_is_found(estate: Layout) -> None:
    made = DovecotConnector(section(estate), Secret("wrong"))
    found = {f.code: f.severity for f in await made.findings()}
    await made.close()
    assert found["dovecot-doveadm"] is Severity.ERROR


def test_dovecot_itself_takes_the_snippet(estate: Layout, tmp_path: Path) -> None:
    file = tmp_path / "dovecot.conf"
    file.write_text(f"!include {estate.dovecot_conf}\n{snippet(section(estate))}")
    command = ["doveconf", "-c", str(file), "-h", "auth_policy_reject_on_fail"]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "yes"
    assert asked.stderr == ""
