# SPDX-License-Identifier: Apache-2.0
"""The small pure parts: the control, the position, the scope, records, the allowance of hints."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from anyldap.protocols import pureber
from hypothesis import given
from hypothesis import strategies as st

from evict.config.watch import WatchSection
from evict.core.dn import dn_key
from evict.systems.active_directory.controllers import Domain
from evict.systems.active_directory.watch import dirsync, position, records
from evict.systems.active_directory.watch.dirsync import Synced
from evict.systems.active_directory.watch.notification import Allowance
from evict.systems.active_directory.watch.position import Position
from evict.systems.active_directory.watch.scope import Scope
from evict.systems.base import PositionLost
from evict.systems.ldap.messages import Entry, Malformed

_GUID = uuid.UUID("7900662b-f153-4f51-92ae-86de2d616d04")
_DOMAIN = Domain(
    naming_context="DC=corp,DC=test", dns_domain="corp.test", netbios="CORP", sid=bytes(24)
)


def entry(dn: str = "CN=alice,OU=People,DC=corp,DC=test", **values: str | bytes) -> Entry:
    held: dict[str, str | bytes] = {
        "objectguid": _GUID.bytes_le,
        "samaccountname": "alice",
        "samaccounttype": "805306368",
        "useraccountcontrol": "512",
        **{name.lower(): value for name, value in values.items()},
    }
    octets: dict[str, tuple[bytes, ...]] = {
        n: (v if isinstance(v, bytes) else v.encode(),) for n, v in held.items() if v
    }
    return Entry(dn=dn, attributes=octets)


# --- the control ---
@given(st.binary(min_size=1, max_size=400), st.booleans())
def test_the_answer_of_a_server_is_read(cookie: bytes, more: bool) -> None:  # noqa: FBT001
    fields = [pureber.BERInteger(int(more)), pureber.BERInteger(0), pureber.BEROctetString(cookie)]
    wire = pureber.BERSequence(fields).toWire()
    assert dirsync.answer(wire) == Synced(more=more, cookie=cookie)
    with pytest.raises(Malformed):
        dirsync.answer(wire[:-1])


@pytest.mark.parametrize("value", [b"", b"\x30\x00", b"\x30\x03\x02\x01\x00", b"\x04\x01a"])
def test_an_answer_without_a_cookie_is_none(value: bytes) -> None:
    with pytest.raises(Malformed):
        dirsync.answer(value)


def test_the_request_asks_for_what_one_may_read_and_only_for_changed_values() -> None:
    oid, critical, value = dirsync.control(b"abc")
    assert (oid, critical) == (b"1.2.840.113556.1.4.841", 1)
    assert value is not None
    assert b"\x02\x04\x80\x00\x00\x01" in value
    assert value.endswith(b"\x04\x03abc")


# --- the position ---
def test_a_position_comes_back_whole() -> None:
    made = Position(
        kind="dirsync", invocation="ab", host="dc1", domain="01", scope="x", usn=5, cookie=b"\0\xff"
    )
    assert position.decode(position.encode(made), "directory") == made


@pytest.mark.parametrize("octets", [b"", b"{}", b"\xff", b'{"kind":"other"}'])
def test_what_is_no_position_is_a_lost_one(octets: bytes) -> None:
    with pytest.raises(PositionLost):
        position.decode(octets, "directory")


# --- the scope ---
def test_spellings_of_a_name_are_one() -> None:
    assert dn_key("CN=Ann , OU = People,DC=corp,DC=test") == "cn=ann,ou=people,dc=corp,dc=test"
    assert dn_key("CN=Doe\\, Ann,DC=corp") == "cn=doe\\, ann,dc=corp"


def test_who_was_moved_to_the_leavers_is_in_it_and_others_are_not() -> None:
    rules = WatchSection(
        leavers_units=("OU=Left,DC=corp,DC=test", "OU=Old,OU=Mail,DC=corp,DC=test")
    )
    scope = Scope("OU=Mail,DC=corp,DC=test", rules)
    assert scope.holds("CN=a,OU=Sales,ou=mail,DC=corp,DC=test")
    assert scope.holds("CN=a,OU=2026,OU=Left,DC=corp,DC=test")
    assert not scope.holds("CN=a,OU=Others,DC=corp,DC=test")
    assert not scope.holds("CN=a,OU=NotMail,DC=corp,DC=test")
    assert scope.bases == ("OU=Mail,DC=corp,DC=test", "OU=Left,DC=corp,DC=test")
    assert scope.fits("DC=corp,DC=test")
    assert not scope.fits("DC=other,DC=test")


def test_other_settings_have_another_mark() -> None:
    plain = Scope("DC=corp,DC=test", WatchSection())
    units = Scope("DC=corp,DC=test", WatchSection(leavers_units=("OU=Left,DC=corp,DC=test",)))
    groups = Scope("DC=corp,DC=test", WatchSection(leavers_groups=("OU=Left,DC=corp,DC=test",)))
    assert len({plain.mark, units.mark, groups.mark}) == 3
    assert plain.mark == Scope("dc=corp, dc=test", WatchSection()).mark


# --- records ---
@pytest.mark.parametrize(
    ("ticks", "ends"),
    [
        (0, None),
        (0x7FFFFFFFFFFFFFFF, None),
        (0x7FFFFFFFFFFFFFFE, None),
        (133_485_408_000_000_000, datetime(2024, 1, 1, tzinfo=UTC)),
        (1, datetime(1601, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_an_instant_or_never(ticks: int, ends: datetime | None) -> None:
    assert records.expiry(ticks) == ends


def test_a_password_that_must_be_changed_was_set_by_somebody_else() -> None:
    def must(**values: str) -> bool:
        shown = records.presence_of(entry(**values), _DOMAIN, directory="d")
        return shown.must_change_password

    assert must(pwdLastSet="0")
    assert not must(pwdLastSet="133485408000000000")
    assert not must(), "what is not shown is not 0"


def test_a_tombstone_tells_who_it_was_as_far_as_it_is_kept() -> None:
    dn = f"CN=alice\\0ADEL:{_GUID},CN=Deleted Objects,DC=corp,DC=test"
    gone = entry(
        dn,
        isDeleted="TRUE",
        lastKnownParent="OU=People,DC=corp,DC=test",
        sAMAccountType="",
        objectClass="user",
    )
    assert records.is_person(gone)
    shown = records.presence_of(gone, _DOMAIN, directory="d")
    assert shown.deleted
    assert shown.account.id == str(_GUID)
    assert shown.account.dn == "CN=alice,OU=People,DC=corp,DC=test"
    assert shown.account.upn == "alice@corp.test"
    assert not shown.account.enabled
    nameless = records.presence_of(
        entry(dn, isDeleted="TRUE", sAMAccountName=""), _DOMAIN, directory="d"
    )
    assert (nameless.account.sam, nameless.account.upn) == ("", "")


def test_a_computer_is_nobody() -> None:
    computer = Entry(
        dn="x",
        attributes={"isdeleted": (b"TRUE",), "objectclass": (b"top", b"user", b"computer")},
    )
    assert not records.is_person(computer)
    assert not records.is_person(entry(sAMAccountType="805306369"))


@pytest.mark.parametrize("hidden", ["objectGUID", "sAMAccountName", "userAccountControl"])
def test_a_record_that_hides_what_counts_is_not_whole(hidden: str) -> None:
    assert records.is_whole(entry())
    assert not records.is_whole(entry(**{hidden: ""}))


# --- hints ---
def test_at_a_busy_domain_only_some_hints_are_acted_on() -> None:
    allowance = Allowance(5)
    taken = sum(allowance.take(100 + step / 100) for step in range(1000))
    assert 50 <= taken <= 56
