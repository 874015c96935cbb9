# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

import pytest

from evict.core.account import Account
from evict.core.errors import ConfigError
from evict.core.guard import Protection, Shield

BOSS = Account(
    id="47c0b77b-0678-46b8-8899-edbe4c77b9e9",
    directory="directory",
    dn="CN=Boss,DC=corp,DC=test",
    sam="boss",
    upn="boss@corp.test",
    domain="CORP",
    dns_domain="corp.test",
    addresses=("the.boss@corp.test",),
    groups=(
        "CN=Break Glass,OU=Groups,DC=corp,DC=test",
        "CN=Directors\\, Board,OU=Groups,DC=corp,DC=test",
        "CN=Gesch\\C3\\A4ftsleitung,DC=corp,DC=test",
    ),
)


def protects(
    *, ids: Iterable[str] = (), names: Iterable[str] = (), groups: Iterable[str] = ()
) -> bool:
    found = Protection(ids=ids, names=names, groups=groups).of(BOSS)
    return found is not None and found.by is Shield.PROTECTED


@pytest.mark.parametrize("text", [BOSS.id, BOSS.id.upper(), f"{{{BOSS.id}}}", f" {BOSS.id} "])
def test_an_id_protects_in_each_spelling(text: str) -> None:
    assert protects(ids=[text])


@pytest.mark.parametrize(
    "name",
    [
        "boss",
        "BOSS",
        "boss@corp.test",
        "Boss@CORP",
        "CORP\\Boss",
        "corp.test\\boss",
        "The.Boss@corp.test",
        "\uff42\uff4f\uff53\uff53",
    ],
)
def test_each_name_protects(name: str) -> None:
    assert protects(names=[name])


@pytest.mark.parametrize(
    "group",
    [
        "Break Glass",
        "break glass ",
        "CN=Break Glass,OU=Groups,DC=corp,DC=test",
        "cn=break glass,ou=groups,dc=corp,dc=test",
        "Directors, Board",
        "Gesch\u00e4ftsleitung",
    ],
)
def test_each_group_protects(group: str) -> None:
    assert protects(groups=[group])


def test_what_is_not_listed_is_not_protected() -> None:
    assert not protects(
        ids=["00000000-0000-4000-8000-000000000000"],
        names=["bos", "boss@other.test", "OTHER\\boss"],
        groups=["Break", "Glass", "Directors", "CN=Break Glass", "Groups"],
    )


def test_an_entry_that_can_protect_nobody_is_not_passed_over() -> None:
    with pytest.raises(ConfigError, match="ids"):
        Protection(ids=["boss"])
    with pytest.raises(ConfigError, match="names"):
        Protection(names=["bo*"])


@pytest.mark.parametrize(
    "entry", [BOSS.id, f"{{{BOSS.id.upper()}}}", "BOSS", "corp\\boss", "the.boss@corp.test"]
)
def test_break_glass_is_found_by_its_id_and_by_each_name_and_comes_first(entry: str) -> None:
    protection = Protection(
        break_glass=[entry], ids=[BOSS.id], names=["boss"], own_account="boss@corp.test"
    )
    found = protection.of(BOSS)
    assert found is not None
    assert found.by is Shield.BREAK_GLASS


@pytest.mark.parametrize("name", ["boss@corp.test", "BOSS", "CN=Boss,DC=corp,DC=test"])
def test_the_account_evict_works_with_is_never_closed(name: str) -> None:
    found = Protection(own_account=name, names=["boss"]).of(BOSS)
    assert found is not None
    assert found.by is Shield.OURS


def test_a_list_without_anybody_keeps_nobody_from_being_closed() -> None:
    assert Protection().of(BOSS) is None
    assert Protection(break_glass=["other"], own_account="svc-evict").of(BOSS) is None


def test_a_break_glass_entry_that_can_be_nobodys_is_not_passed_over() -> None:
    with pytest.raises(ConfigError, match="break_glass"):
        Protection(break_glass=["bo*"])


def test_a_dn_protects_in_whichever_spelling_it_is_given() -> None:
    dn = BOSS.groups[0]
    spaced = dn.replace(",", " , ").replace("=", " = ").upper()
    assert protects(groups=[spaced])
    own = Protection(own_account=BOSS.dn.replace(",", ", "))
    found = own.of(BOSS)
    assert found is not None
    assert found.by is Shield.OURS
