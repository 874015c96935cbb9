# SPDX-License-Identifier: Apache-2.0
"""What every `systems.base.Directory` must do, whoever answers it.

A subclass gives the fixture `town`: a directory, and a way to make people in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import pytest

from evict.core.account import Account
from evict.core.door import Credential, Nature
from evict.core.errors import AccountAmbiguous, AccountUnknown, NameRefused
from evict.core.guard import Protection
from evict.core.measure import EffectKind
from evict.core.secret import Secret, derive_password
from evict.core.sighting import Method, Outcome
from evict.systems.base import Directory, Order, Passwords

PROBE_KEY = bytes(range(32))


class Town(Protocol):
    """One directory with people in it; names are unique to the test."""

    @property
    def directory(self) -> Directory: ...
    @property
    def outer_group(self) -> str:
        """Common name of a group that has a group as its member."""

    @property
    def inner_group(self) -> str:
        """Distinguished name of that member."""

    async def person(
        self, stem: str, *, addresses: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> str:
        """Make an enabled account with the password `Old-Pass-1`; give its sAMAccountName.

        `{s}` in an address becomes what is unique to the test; without addresses its UPN is one.
        """

    async def bind(self, account: Account, password: Secret) -> str:
        """Bind as the account: "" where it is let in, else the `data` code."""

    async def set_bits(self, account: Account, bits: int) -> None:
        """Somebody else sets userAccountControl."""


OLD = Secret("Old-Pass-1")


def order(generation: int = 1) -> Order:
    return Order(generation=generation, commit_at=datetime.now(UTC), forms=())


def passwords(account: Account, generation: int = 1) -> Passwords:
    first, second = (derive_password(PROBE_KEY, account.id, generation, n) for n in (1, 2))
    return Passwords(first=first, second=second)


async def close_all(directory: Directory, account: Account, given: Order) -> list[EffectKind]:
    """Observe, plan and apply once, as the controller does."""
    seen = await directory.observe(account, given)
    plan = directory.plan(account, seen, given)
    effects = [
        await directory.apply(account, m, given, passwords(account, given.generation)) for m in plan
    ]
    return [effect.kind for effect in effects]


class DirectoryContract:
    async def test_each_name_of_an_account_finds_it(self, town: Town) -> None:
        sam = await town.person("anna", addresses=["anna.maria{s}@corp.test"])
        found = await town.directory.resolve(sam)
        for name in (
            sam.upper(),
            f"{sam}@corp.test",
            f"{sam.title()}@CORP.TEST",
            f"{sam}@corp",
            f"CORP\\{sam}",
            f"corp.test\\{sam}",
            found.addresses[0],
            f"{found.addresses[0].partition('@')[0]}+news@corp.test",
            found.id,
            f"{{{found.id.upper()}}}",
            f"  {sam} ",
        ):
            assert (await town.directory.resolve(name)).id == found.id, name

    async def test_an_address_of_another_case_of_prefix_finds_it(self, town: Town) -> None:
        sam = await town.person("berta", addresses=["b.one{s}@corp.test", "b.two{s}@corp.test"])
        stem = sam.removeprefix("berta")
        for local in ("b.one", "B.TWO"):
            found = await town.directory.resolve(f"{local}{stem}@corp.test")
            assert found.sam == sam

    async def test_a_composed_and_a_decomposed_name_are_one(self, town: Town) -> None:
        sam = await town.person("zo\u00eb")
        found = await town.directory.resolve(sam.replace("\u00eb", "e\u0308").upper())
        assert found.sam == sam

    async def test_a_near_name_is_nobody_and_only_hinted_at(self, town: Town) -> None:
        sam = await town.person("caroline")
        with pytest.raises(AccountUnknown, match="near: .*" + sam):
            await town.directory.resolve(sam[:-1])

    async def test_a_name_with_an_accent_is_not_the_one_without(self, town: Town) -> None:
        sam = await town.person("dora")
        with pytest.raises(AccountUnknown):
            await town.directory.resolve(sam.replace("o", "\u00f6"))

    async def test_a_foreign_domain_is_nobody(self, town: Town) -> None:
        sam = await town.person("emil")
        for name in (f"OTHER\\{sam}", f"{sam}@other.test"):
            with pytest.raises(AccountUnknown):
                await town.directory.resolve(name)

    async def test_two_accounts_with_one_address_are_refused(self, town: Town) -> None:
        first = await town.person("fritz", addresses=["shared{s}@corp.test"])
        stem = first.removeprefix("fritz")
        await town.person("frida", addresses=["shared{s}@corp.test"])
        with pytest.raises(AccountAmbiguous, match="2 accounts"):
            await town.directory.resolve(f"shared{stem}@corp.test")

    async def test_an_exact_address_wins_over_a_sub_address(self, town: Town) -> None:
        plain = await town.person("gert", addresses=["list{s}@corp.test"])
        stem = plain.removeprefix("gert")
        tagged = await town.person("gerd", addresses=["list{s}+all@corp.test"])
        found = await town.directory.resolve(f"list{stem}+all@corp.test")
        assert found.sam == tagged
        assert (await town.directory.resolve(f"list{stem}+x@corp.test")).sam == plain

    @pytest.mark.parametrize(
        "name",
        [
            "*",
            "a*",
            "x)(uid=*",
            "a\x00b",
            "a\nb",
            "$(id)",
            "a;b",
            "`a`",
            "'a",
            "a|b",
            "\u202eecila",
        ],
    )
    async def test_a_hostile_name_finds_nobody(self, town: Town, name: str) -> None:
        with pytest.raises((AccountUnknown, NameRefused)):
            await town.directory.resolve(name)

    async def test_an_account_that_is_gone_is_unknown(self, town: Town) -> None:
        with pytest.raises(AccountUnknown):
            await town.directory.read("00000000-0000-4000-8000-000000000000")

    async def test_nested_groups_protect(self, town: Town) -> None:
        sam = await town.person("hugo", groups=[town.inner_group])
        found = await town.directory.resolve(sam)
        assert any(dn.startswith("CN=Domain Users,") for dn in found.groups)
        protection = Protection(groups=[town.outer_group.upper()])
        assert protection.of(found) is not None
        other = await town.directory.resolve(await town.person("hanna"))
        assert protection.of(other) is None

    async def test_closing_ends_both_passwords_and_shows_it(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("ida"))
        assert await town.bind(found, OLD) == ""
        given = order()
        before = await town.directory.observe(found, given)
        assert {s.outcome for s in before.sightings} == {Outcome.PRESENT}
        assert await close_all(town.directory, found, given) == [EffectKind.DONE, EffectKind.DONE]
        after = await town.directory.observe(found, given)
        assert {s.outcome for s in after.sightings} == {Outcome.EMPTY}
        assert {s.method for s in after.sightings} == {Method.READ_BACK}
        assert all(s.where for s in after.sightings)
        assert await town.bind(found, OLD) == "52e"
        assert await town.bind(found, passwords(found).second) == "533"
        assert not (await town.directory.read(found.id)).enabled

    async def test_a_repeat_writes_nothing(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("jana"))
        given = order()
        seen = await town.directory.observe(found, given)
        plan = town.directory.plan(found, seen, given)
        for expected in (EffectKind.DONE, EffectKind.UNCHANGED):
            for measure in plan:
                effect = await town.directory.apply(found, measure, given, passwords(found))
                assert effect.kind is expected
        seen = await town.directory.observe(found, given)
        assert town.directory.plan(found, seen, given) == ()

    async def test_an_account_opened_again_is_closed_again(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("karl"))
        given = order()
        await close_all(town.directory, found, given)
        await town.set_bits(found, 512)
        assert await close_all(town.directory, found, given) == [EffectKind.DONE]
        assert await town.bind(found, passwords(found).second) == "533"

    async def test_an_undo_is_exact(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("lena"))
        await town.set_bits(found, 512 | 0x10000)
        given = order()
        seen = await town.directory.observe(found, given)
        disable, _ = town.directory.plan(found, seen, given)
        assert disable.image is not None
        assert disable.image.before == {"userAccountControl": "66048"}
        await town.directory.apply(found, disable, given, passwords(found))
        done = await town.directory.undo(found, disable.image, overwrite=False)
        assert done.kind is EffectKind.DONE
        again = await town.directory.observe(found, None)
        assert any("66048" in fact for fact in again.facts)
        repeat = await town.directory.undo(found, disable.image, overwrite=False)
        assert repeat.kind is EffectKind.UNCHANGED

    async def test_what_drifted_is_shown_and_left(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("marta"))
        given = order()
        seen = await town.directory.observe(found, given)
        disable, _ = town.directory.plan(found, seen, given)
        assert disable.image is not None
        await town.directory.apply(found, disable, given, passwords(found))
        await town.set_bits(found, 514 | 0x10000)
        left = await town.directory.undo(found, disable.image, overwrite=False)
        assert left.kind is EffectKind.DRIFTED
        assert "66050" in left.detail
        assert not (await town.directory.read(found.id)).enabled
        forced = await town.directory.undo(found, disable.image, overwrite=True)
        assert forced.kind is EffectKind.DONE
        facts = (await town.directory.observe(found, None)).facts
        assert any("66048" in fact for fact in facts), "the others' bit stays"

    async def test_a_fresh_password_must_be_changed(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("nils"))
        fresh = Secret("Fresh-Pass-7x")
        assert await town.directory.set_fresh_password(found, fresh), "must be changed"
        seen = await town.directory.observe(found, None)
        assert getattr(seen.state, "pwd_last_set", None) == 0
        assert await town.bind(found, OLD) == "52e", "not even as the one before the last"

    async def test_a_password_that_never_expires_is_told_not_to_be_asked_for(
        self, town: Town
    ) -> None:
        found = await town.directory.resolve(await town.person("nora"))
        await town.set_bits(found, 512 | 0x10000)
        assert not await town.directory.set_fresh_password(found, Secret("Fresh-Pass-7x"))

    async def test_what_nothing_can_prove_is_named(self, town: Town) -> None:
        found = await town.directory.resolve(await town.person("olga"))
        seen = await town.directory.observe(found, order())
        natures = {(e.door.protocol, e.door.credential): e.nature for e in seen.expectations}
        assert natures["ldap", Credential.SESSION] is Nature.OUTSIDE
        assert natures["kerberos", Credential.TICKET] is Nature.UNPROVABLE
        assert natures["ldap", Credential.PASSWORD] is Nature.PROVABLE
