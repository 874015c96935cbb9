# SPDX-License-Identifier: Apache-2.0
"""Whoever was closed on the real estate stays closed, whoever opens what with which tool."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest

from estate import mailbox, people
from estate.commands import run
from estate.layout import MAIL_HOST, SUBMISSION, Layout
from estate.people import Person
from estate.product import CONTROL_USER, Product, public_key, running
from estate.web.hooks import in_force
from evict.evidence.keys import load_public_key
from evict.evidence.statement import REOPENED_TYPE, Reopened
from evict.evidence.verify import Verified, verify
from tests.live.conftest import running_estate
from tests.live.sogo_rig import Browser
from tests.live.told import account_control, revoke
from tests.live.watched import entries, held, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

GRACE = people.person("grace")
_SETTINGS = """# SPDX-License-Identifier: Apache-2.0
[staying]
every_minutes = 1
flapping_minutes = 10

[notify.mail]
server = "{ip}:{port}"
sender = "Evict Wächter <{address}>"
recipients = ["{address}"]
user = "{user}"
password_file = "{password}"
server_name = "{name}"
ca_file = "{ca}"
"""


@pytest.fixture(scope="module")
def stays() -> Iterator[Product]:
    """Evict on an estate with the web doors, which tells grace through the estate's Postfix."""
    with ExitStack() as stack:
        layout = stack.enter_context(running_estate(web=True))
        _write_settings(layout)
        stack.enter_context(in_force(layout))
        yield stack.enter_context(running(layout))


def _write_settings(layout: Layout) -> None:
    folder = layout.config.parent
    password = folder / "grace.password"
    password.write_text(GRACE.password)
    password.chmod(0o600)
    shutil.chown(password, CONTROL_USER)
    (folder / "conf.d").mkdir(exist_ok=True)
    (folder / "conf.d" / "staying.toml").write_text(
        _SETTINGS.format(
            ip=layout.ip,
            port=SUBMISSION,
            address=GRACE.mail,
            user=GRACE.upn,
            password=password,
            name=MAIL_HOST,
            ca=layout.ca,
        )
    )


def evidence(product: Product, report: dict[str, Any]) -> list[Verified]:
    """All of the account's, oldest first, each verified with the public key."""
    folder, public = Path(report["evidence"]).parent, load_public_key(public_key(product.layout))
    files = sorted(folder.glob(f"{report['account']}-*"))
    return [verify(file.read_bytes(), public) for file in files]


def _reopened(seen: Verified) -> tuple[Reopened, ...]:
    said = seen.statement.predicate.reopened
    return said if isinstance(said, tuple) else ()


def set_forward(layout: Layout, person: Person, *, enabled: bool) -> None:
    """As somebody with the database would."""
    with psycopg.connect(layout.dsn("sogo")) as connection:
        query = "SELECT c_defaults FROM sogo_user_profile WHERE c_uid = %s"
        row = connection.execute(query, (person.name,)).fetchone()
        assert row is not None
        defaults = json.loads(row[0])
        defaults["Forward"]["enabled"] = int(enabled)
        query = "UPDATE sogo_user_profile SET c_defaults = %s WHERE c_uid = %s"
        connection.execute(query, (json.dumps(defaults), person.name))


def forwards(layout: Layout, person: Person) -> bool:
    with psycopg.connect(layout.dsn("sogo")) as connection:
        query = "SELECT c_defaults FROM sogo_user_profile WHERE c_uid = %s"
        row = connection.execute(query, (person.name,)).fetchone()
    assert row is not None
    return bool(json.loads(row[0])["Forward"]["enabled"])


def sieve(layout: Layout, *arguments: str) -> str:
    return run("doveadm", "-c", layout.dovecot_conf, "sieve", *arguments)


def test_a_test_notice_goes_through_the_real_postfix(stays: Product) -> None:
    done = stays.run("notify", "test", "--json")
    assert done.returncode == 0, done.stderr
    (way,) = json.loads(done.stdout)["ways"]
    assert (way["way"], way["delivered"]) == ("mail", True)
    mailbox.wait_for_mail(stays.layout, GRACE, "[evict] alarm: this is a test")


def test_everything_that_somebody_opens_is_closed_again_told_and_proven(
    stays: Product, web_sources_of_stays: Iterator[str]
) -> None:
    layout = stays.layout
    leaver = people.create(layout, f"leaver-{uuid4().hex[:10]}")
    mailbox.deliver(layout, leaver, "Welcome")
    mailbox.redirect(layout, leaver, GRACE, next(web_sources_of_stays))
    browser = Browser(layout, leaver, next(web_sources_of_stays))
    browser.prefer(
        Forward={"enabled": 1, "forwardAddress": ["a@b.example"], "keepCopy": 0, "alwaysSend": 0}
    )
    browser.close()
    told = revoke(stays, leaver)
    assert (told.code, told.not_shut()) == (0, set())
    assert not forwards(layout, leaver)

    people.enable(layout, leaver)
    people.set_password(layout, leaver, "Somebody-Elses-1")
    sieve(layout, "activate", "-u", leaver.name, "forward")
    set_forward(layout, leaver, enabled=True)

    until("disabled again", lambda: bool(account_control(layout, leaver) & 2), 120)
    until("the forward is off again", lambda: not forwards(layout, leaver), 30)
    until("the script is off", lambda: "ACTIVE" not in sieve(layout, "list", "-u", leaver.name), 30)
    subject = f"[evict] opened again: {leaver.upn}: closed again"
    mailbox.wait_for_mail(layout, GRACE, subject)

    assert len(entries(stays, leaver)) == 1
    assert [h["label"] for h in held(stays) if h["label"] == leaver.upn] == [leaver.upn]
    first, *_, last = evidence(stays, told.report)
    assert first.statement.predicateType != REOPENED_TYPE
    lines = [one for seen in evidence(stays, told.report) for one in _reopened(seen)]
    kinds = {one.what.split(":")[1] for one in lines if ":" in one.what}
    assert kinds == {"disable", "rotate", "deactivate-sieve", "stop-forward"}
    assert last.overall == "shut", msgspec.json.encode(last.proven)


def test_who_is_left_alone_costs_no_more_than_looks(stays: Product) -> None:
    """A restart forgets which password is set: that alone starts nothing."""
    layout = stays.layout
    leaver = people.create(layout, f"leaver-{uuid4().hex[:10]}")
    told = revoke(stays, leaver)
    assert told.code == 0
    stays.stop()
    stays.start()
    other = people.create(layout, f"leaver-{uuid4().hex[:10]}")
    revoke(stays, other)
    people.enable(layout, other)
    until("the round has gone by", lambda: bool(account_control(layout, other) & 2), 150)
    assert len(evidence(stays, told.report)) == 1


@pytest.fixture(scope="module")
def web_sources_of_stays(stays: Product) -> Iterator[str]:
    return (str(address) for address in stays.layout.network(251, 24).hosts())
