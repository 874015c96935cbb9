# SPDX-License-Identifier: Apache-2.0
"""The way back: all as it was, but for the password; what was before stays dead."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest
from msgspec import structs

from estate import ldif, mailbox, people
from estate.clients.kerberos import Ticket
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.product import Product
from tests.live.told import (
    account_control,
    active_script,
    attribute,
    derived,
    entries,
    evict,
    found_in,
    handover,
    lets_in,
    put_script,
    reinstate,
    revoke,
    ticket_lets_in,
)

pytestmark = pytest.mark.live

NOT_DELEGATED = 0x100000
PASSWORD_NEVER_EXPIRES = 0x10000
"""Of userAccountControl (MS-ADTS 2.2.16)."""
DRIFTED = 514 | NOT_DELEGATED


def bind(layout: Layout, leaver: Person, password: str) -> str:
    """What the directory says to this password; "" where it binds."""
    try:
        people.modify(layout, "", bind=leaver.upn, password=password)
    except EstateError as error:
        return str(error)
    return ""


def changed_at_sign_in(layout: Layout, leaver: Person) -> None:
    """As after the person has changed it: the directory no longer asks for that."""
    people.modify(layout, ldif.modify(leaver.dn, {"pwdLastSet": "-1"}))


def test_everything_is_as_it_was_and_only_the_password_is_another(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    people.modify(layout, ldif.modify(leaver.dn, {"userAccountControl": str(512 | NOT_DELEGATED)}))
    mailbox.redirect(layout, leaver, people.person("grace"), next(addresses))
    assert revoke(product, leaver).code == 0
    told, password = reinstate(product, leaver)
    assert told.code == 0, told.talk
    assert account_control(layout, leaver) == 512 | NOT_DELEGATED
    assert active_script(layout, leaver) == "forward"
    assert [e["kind"] for e in entries(product, leaver)] == ["revocation", "reinstatement"]

    assert attribute(layout, leaver, "pwdLastSet") == "0"
    assert "it must be changed" in told.talk
    assert "data 773" in bind(layout, leaver, password)
    changed_at_sign_in(layout, leaver)
    back = structs.replace(leaver, password=password)
    for protocol in ("imap", "pop3", "managesieve", "submission"):
        assert lets_in(layout, back, protocol, next(addresses))


def test_passwords_and_tickets_of_before_stay_dead(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    assert lets_in(layout, leaver, "imap", next(addresses)), "now it is in the cache"
    ticket = Ticket(layout, leaver)
    assert ticket_lets_in(layout, leaver, ticket, next(addresses))
    account = revoke(product, leaver).report["account"]
    told, password = reinstate(product, leaver)
    assert told.code == 0, told.talk
    assert "tickets are refused" in told.talk
    changed_at_sign_in(layout, leaver)
    for old in (leaver.password, *derived(product, account, 1)):
        assert "data 52e" in bind(layout, leaver, old)
    assert not lets_in(layout, leaver, "imap", next(addresses)), "nor from a cache"
    assert not ticket_lets_in(layout, leaver, ticket, next(addresses))
    assert bind(layout, leaver, password) == "", "the twin: the fresh one works"


def test_the_fresh_password_is_told_once_and_stands_nowhere_else(
    product: Product, leaver: Person
) -> None:
    layout = product.layout
    assert revoke(product, leaver).code == 0
    file = handover(layout) / "fresh"
    done = product.run("reinstate", leaver.upn, "--json", "--password-file", str(file))
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = file.read_text().rstrip("\n")
    assert len(password) >= 20
    assert password not in done.stdout + done.stderr
    kept = [f for f in layout.config.parent.rglob("*") if f.is_file()]
    logs = [f for f in layout.logs.iterdir() if f.is_file()]
    assert found_in([*kept, *logs], [password]) == set()
    assert found_in([file], [password]), "the twin: it would have been found"

    again = product.run("reinstate", leaver.upn, "--password-file", str(file))
    assert (again.returncode, "name a new file" in again.stderr) == (2, True)
    second, _ = reinstate(product, leaver)
    assert (second.code, "is not revoked" in second.talk) == (2, True)
    assert len(entries(product, leaver)) == 2


def test_where_nobody_will_be_asked_to_change_the_password_that_is_said(
    product: Product, leaver: Person
) -> None:
    control = str(512 | PASSWORD_NEVER_EXPIRES)
    people.modify(product.layout, ldif.modify(leaver.dn, {"userAccountControl": control}))
    assert revoke(product, leaver).code == 0
    told, password = reinstate(product, leaver)
    assert told.code == 0
    assert "never expires, so nobody is asked" in told.talk
    assert bind(product.layout, leaver, password) == ""


def test_without_a_file_the_password_goes_to_the_terminal_once_and_never_into_json(
    product: Product, leaver: Person
) -> None:
    assert revoke(product, leaver).code == 0
    done = product.run("reinstate", leaver.upn, "--json")
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("fresh password, shown once: ")]
    password = line.removeprefix("fresh password, shown once: ")
    assert "data 773" in bind(product.layout, leaver, password)
    assert done.stderr.count(password) == 1
    assert password not in done.stdout


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_what_others_changed_meanwhile_is_shown_and_left_unless_it_is_to_be_overwritten(
    product: Product, leaver: Person, addresses: Iterator[str], options: tuple[str, ...]
) -> None:
    layout = product.layout
    mailbox.redirect(layout, leaver, people.person("grace"), next(addresses))
    assert revoke(product, leaver).code == 0
    people.modify(layout, ldif.modify(leaver.dn, {"userAccountControl": str(DRIFTED)}))
    put_script(layout, leaver, "forward", "keep;\n")
    told, _ = reinstate(product, leaver, *options)
    effects = {
        e["effect"]["measure"]: e["effect"] for e in told.data["events"] if e["type"] == "measure"
    }
    script = effects[f"dovecot:deactivate-sieve:{leaver.name}"]
    disable = effects["directory:disable"]
    assert "changed meanwhile" in script["detail"]
    assert str(DRIFTED) in disable["detail"]
    if options:
        assert (told.code, script["kind"], disable["kind"]) == (0, "done", "done")
        assert account_control(layout, leaver) == DRIFTED & ~2, "the others' bit stays"
        assert active_script(layout, leaver) == "forward"
    else:
        assert (told.code, script["kind"], disable["kind"]) == (1, "drifted", "drifted")
        assert account_control(layout, leaver) == DRIFTED
        assert active_script(layout, leaver) == ""


def test_a_dry_run_of_a_reinstatement_writes_nothing(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    mailbox.redirect(product.layout, leaver, people.person("grace"), next(addresses))
    assert revoke(product, leaver).code == 0
    told = evict(product, "reinstate", leaver.upn, "--dry-run")
    assert (told.code, told.data["written"]) == (0, False)
    measures = {row["measure"] for row in told.data["would_put_back"]}
    assert f"dovecot:deactivate-sieve:{leaver.name}" in measures
    assert account_control(product.layout, leaver) == 514
    assert active_script(product.layout, leaver) == ""
    assert len(entries(product, leaver)) == 1


def test_who_was_reinstated_can_be_revoked_again_with_other_passwords(
    product: Product, leaver: Person, addresses: Iterator[str]
) -> None:
    layout = product.layout
    first = revoke(product, leaver)
    _, password = reinstate(product, leaver)
    changed_at_sign_in(layout, leaver)
    back = structs.replace(leaver, password=password)
    assert lets_in(layout, back, "imap", next(addresses))
    second = revoke(product, leaver)
    assert (first.code, second.code, second.not_shut()) == (0, 0, set())
    assert (second.report["generation"], "already" in second.talk) == (3, False)
    assert not lets_in(layout, back, "imap", next(addresses))
    account = first.report["account"]
    assert set(derived(product, account, 1)).isdisjoint(derived(product, account, 3))
