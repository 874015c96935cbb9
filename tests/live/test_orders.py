# SPDX-License-Identifier: Apache-2.0
"""Orders on the real estate: who is meant, what is refused, what is written and how often."""

from __future__ import annotations

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from estate import mailbox, people
from estate.layout import EVICT_USER
from estate.people import Person
from estate.product import Product
from evict.config.load import load
from evict.control.orders.resolving import Orders
from evict.control.systems import Systems
from evict.core.guard import Protection, Shield
from tests.live.told import (
    account_control,
    active_script,
    entries,
    evict,
    head,
    revoke,
)

pytestmark = pytest.mark.live

UNKNOWN = "account-unknown"
REFUSED = "name-refused"
HOSTILE = {
    "alice\nbob": REFUSED,
    "alice\x7f": REFUSED,
    "alice\u202ebob": REFUSED,
    "*": REFUSED,
    "alice*witness": REFUSED,
    "a*)(objectClass=*": REFUSED,
    "alice)(|(sAMAccountName=*))": REFUSED,
    "alice)(mail=x": UNKNOWN,
    "alice\\2a": UNKNOWN,
    "$(Remove-Mailbox alice)": UNKNOWN,
    "alice; Remove-Mailbox bob": UNKNOWN,
    "alice' -or 'a' -eq 'a": UNKNOWN,
    "`alice`": UNKNOWN,
    "\u0430lice": REFUSED,  # Cyrillic a
    "alice\u200b": REFUSED,
    "al\u0131ce": UNKNOWN,  # dotless i
    "nobody-at-all": UNKNOWN,
    "alice@elsewhere.test": UNKNOWN,
    "OTHER\\alice": UNKNOWN,
    " ": REFUSED,
    "a" * 300: REFUSED,
}


def wide(text: str) -> str:
    """In full-width letters."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


@pytest.fixture
def jose(product: Product) -> Person:
    tag = uuid4().hex[:8]
    alias = f"jos\u00e9.{tag}@corp.test"
    return people.create(product.layout, f"jose-{tag}", aliases=[alias])


def test_an_account_is_found_by_each_of_its_names(product: Product, jose: Person) -> None:
    (alias,) = jose.aliases
    names = [
        jose.upn,
        jose.upn.upper(),
        f"CORP\\{jose.name}",
        f"corp.test\\{jose.name.upper()}",
        jose.name,
        jose.name.swapcase(),
        alias,
        alias.upper(),
        unicodedata.normalize("NFD", alias),
        jose.mail.replace("@", "+news@"),
        wide(jose.name),
        f"  {jose.name}  ",
    ]
    told = evict(product, "revoke", "-", "--dry-run", stdin="\n".join(names) + "\r\n")
    assert (told.code, told.data["refused"]) == (0, [])
    assert [plan["label"] for plan in told.data["would_revoke"]] == [jose.upn]
    account = told.data["would_revoke"][0]["account"]
    by_id = evict(product, "revoke", f"{{{account.upper()}}}", "--dry-run")
    assert by_id.data["would_revoke"][0]["account"] == account


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_a_name_that_is_nobodys_is_refused_and_nothing_is_written(
    product: Product, dry_run: tuple[str, ...]
) -> None:
    before = head(product)
    told = evict(product, "revoke", *dry_run, *HOSTILE)
    assert told.code == 2
    assert {r["name"]: r["code"] for r in told.data["refused"]} == HOSTILE
    assert not told.data.get("accounts")
    assert all(ord(c) >= 32 or c == "\n" for c in told.talk), "no control character is printed"
    assert head(product) == before
    assert account_control(product.layout, people.person("alice")) == 512


def test_hostile_lines_of_standard_input_are_refused_each_for_itself(product: Product) -> None:
    lines = "alice\0bob\n-rf\n--dry-run\n-\n\ufeffalice\n"
    told = evict(product, "revoke", "-", stdin=lines)
    assert (told.code, told.data["accounts"]) == (2, [])
    assert {r["name"]: r["code"] for r in told.data["refused"]} == {
        "alice\0bob": REFUSED,
        "-rf": UNKNOWN,
        "--dry-run": UNKNOWN,
        "-": UNKNOWN,
        "\ufeffalice": REFUSED,
    }
    assert account_control(product.layout, people.person("alice")) == 512


@pytest.mark.parametrize("argument", ["--dryrun", "-n", "\udcff", "--reason=\udcff"])
def test_an_argument_that_makes_no_sense_orders_nothing_for_the_others(
    product: Product, leaver: Person, argument: str
) -> None:
    before = head(product)
    told = evict(product, "revoke", leaver.upn, argument)
    assert (told.code, "[usage]" in told.talk, told.data) == (2, True, {})
    assert head(product) == before


def test_a_name_of_two_accounts_is_refused_with_both_ids(product: Product) -> None:
    shared = f"both-{uuid4().hex[:8]}@corp.test"
    two = [
        people.create(product.layout, f"twin-{uuid4().hex[:8]}", aliases=[shared]) for _ in range(2)
    ]
    told = evict(product, "revoke", shared)
    assert told.code == 2
    (refused,) = told.data["refused"]
    assert refused["code"] == "account-ambiguous"
    ids = [evict(product, "doors", each.upn).data["account"] for each in two]
    assert all(each in refused["text"] for each in ids)
    assert [account_control(product.layout, each) for each in two] == [512, 512]


def test_a_protected_account_is_refused_and_nothing_is_written(product: Product) -> None:
    before = head(product)
    told = evict(product, "revoke", "boss@corp.test", "--hold-queue", "--witness")
    assert told.code == 5
    assert [r["code"] for r in told.data["refused"]] == ["guard-refused"]
    assert head(product) == before
    assert account_control(product.layout, people.person("boss")) == 512


@pytest.mark.parametrize("by", ["id", "name", "alias"])
async def test_an_account_is_protected_by_its_id_and_by_each_of_its_names(
    product: Product, leaver: Person, by: str
) -> None:
    systems = Systems(load(product.layout.config))
    try:
        (account,) = (await Orders(systems).resolve([leaver.upn])).accounts
    finally:
        await systems.close()
    guards = {
        "id": Protection(ids=(account.id.upper(),), own_account=EVICT_USER),
        "name": Protection(names=(leaver.name.upper(),), own_account=EVICT_USER),
        "alias": Protection(names=(leaver.aliases[0],), own_account=EVICT_USER),
    }
    found = guards[by].of(account)
    assert found is not None
    assert found.by is Shield.PROTECTED
    assert Protection(own_account=EVICT_USER).of(account) is None


def test_a_dry_run_shows_the_whole_plan_and_writes_nothing(
    product: Product, leaver: Person
) -> None:
    layout = product.layout
    mailbox.redirect(layout, leaver, people.person("grace"), "127.0.0.1")
    mailbox.queue(layout, leaver, "slow", "127.0.0.1")
    before = head(product)
    told = evict(product, "revoke", leaver.upn, "--dry-run", "--hold-queue")
    assert (told.code, told.data["written"]) == (0, False)
    (plan,) = told.data["would_revoke"]
    stages = {m["measure"].rsplit(":", 1)[0]: m["stage"] for m in plan["measures"]}
    assert stages["directory"] == "credentials"
    assert stages["dovecot:deactivate-sieve"] == "grants"
    assert stages["postfix:hold-queue"] == "mail flow"
    assert [m["measure"] for m in plan["measures"] if m["stage"] == "refuse"] == [
        "dovecot:refuse",
        "postfix:refuse",
    ]
    assert head(product) == before
    assert account_control(layout, leaver) == 512
    assert active_script(layout, leaver) == "forward"
    people_read = product.run("revoke", leaver.upn, "--dry-run")
    assert (people_read.returncode, "directory:rotate" in people_read.stdout) == (0, True)


def test_without_waiting_the_answer_is_not_proven_and_the_status_is_shut_later(
    product: Product, leaver: Person
) -> None:
    told = revoke(product, leaver, "--no-wait")
    assert told.code == 4
    assert "hooks refuse" in told.talk
    until = time.monotonic() + 20
    while (row := evict(product, "status", leaver.upn).data["accounts"][0])["verdict"] != "shut":
        assert time.monotonic() < until, row
        time.sleep(0.2)
    assert (row["state"].split(",")[0], row["generation"]) == ("revoked", 1)


def test_many_names_one_a_line_good_and_bad_end_with_the_worst_code(product: Product) -> None:
    good = [people.create(product.layout, f"many-{uuid4().hex[:8]}") for _ in range(3)]
    lines = [good[0].upn, "nobody-at-all", "", good[1].name, "boss@corp.test", good[2].mail]
    told = evict(product, "revoke", "-", stdin="\n".join(lines))
    assert told.code == 2
    assert {a["label"]: a["verdict"] for a in told.data["accounts"]} == {
        each.upn: "shut" for each in good
    }
    assert {r["name"]: r["exit_code"] for r in told.data["refused"]} == {
        "nobody-at-all": 2,
        "boss@corp.test": 5,
    }


def test_the_same_request_twice_is_one_entry(product: Product, leaver: Person) -> None:
    request = f"hr-{uuid4().hex[:8]}"
    first, second = (revoke(product, leaver, "--request-id", request) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "already" not in first.talk
    assert "already revoked, looking again" in second.talk
    assert len(entries(product, leaver)) == 1


def test_two_orders_for_one_account_at_once_are_one_entry(product: Product, leaver: Person) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: revoke(product, leaver), range(2)))
    assert [told.code for told in both] == [0, 0]
    assert sum("already revoked" in told.talk for told in both) == 1
    assert len(entries(product, leaver)) == 1
    assert both[0].report["commit_at"] == both[1].report["commit_at"]


def test_a_revoked_account_is_looked_at_again_and_what_was_opened_is_closed(
    product: Product, leaver: Person
) -> None:
    assert revoke(product, leaver).code == 0
    people.enable(product.layout, leaver)
    people.set_password(product.layout, leaver, "Helpdesk-meant-well-1")
    again = revoke(product, leaver)
    assert (again.code, again.not_shut()) == (0, set())
    assert "already revoked, looking again" in again.talk
    assert account_control(product.layout, leaver) == 514
    done = {e["measure"]: e["kind"] for e in again.report["effects"]}
    assert (done["directory:disable"], done["directory:rotate"]) == ("done", "done")
    assert len(entries(product, leaver)) == 1
