# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.mailbox import FULL_ACCESS, READ_PERMISSION, SELF
from evict.lab.model.mobile import Device
from evict.lab.model.profile import Version
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, ModelError, Pool, Principal, Protocol
from tests.unit.lab.model.made import OLD, Estate

SYSTEM = ("CORP\\Exchange Servers", "CORP\\Exchange Trusted Subsystem")


def enter(estate: Estate, who: Principal | Denied) -> Access | Denied:
    assert isinstance(who, Principal)
    return estate.org.enter("ex01", Protocol.EWS, who)


def test_a_server_notices_a_feature_within_its_reading_delay_and_a_recycle_makes_it_look() -> None:
    estate = Estate()
    enter(estate, estate.basic())
    estate.org.admin.set_features("alice", {"ews": False})
    estate.wait(899)
    assert isinstance(enter(estate, estate.basic()), Access)
    estate.wait(1)
    assert enter(estate, estate.basic()) == Denied(Denial.FEATURE_OFF)
    estate.org.admin.set_features("alice", {"ews": True})
    estate.org.admin.recycle("ex01", Pool.SERVICES)
    assert isinstance(enter(estate, estate.basic()), Access)


def test_without_self_nobody_new_comes_in_and_a_token_of_before_needs_the_system_entries() -> None:
    estate = Estate()
    before = estate.basic()
    estate.wait(1)
    estate.org.admin.remove_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
    assert isinstance(enter(estate, before), Access)
    for name in SYSTEM:
        estate.org.admin.remove_permission("alice", name, (FULL_ACCESS,))
    denied = enter(estate, before)
    assert isinstance(denied, Denied)
    assert denied.denial is Denial.NO_PERMISSION
    estate.org.admin.recycle("ex01", Pool.SERVICES)
    assert isinstance(enter(estate, estate.basic()), Denied)


def test_before_2013_a_token_of_before_has_its_15_minutes() -> None:
    estate = Estate(Version.V2010)
    before = estate.basic()
    estate.wait(1)
    estate.org.admin.remove_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
    estate.wait(899)
    assert isinstance(enter(estate, before), Access)
    estate.wait(1)
    assert isinstance(enter(estate, before), Denied)


def test_self_put_back_lets_the_owner_in_again() -> None:
    estate = Estate()
    before = list(estate.org.mailboxes["alice"].acl)
    estate.org.admin.remove_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
    estate.org.admin.add_permission("alice", SELF, (FULL_ACCESS, READ_PERMISSION))
    assert isinstance(enter(estate, estate.basic()), Access)
    assert sorted(map(repr, estate.org.mailboxes["alice"].acl)) == sorted(map(repr, before))


def test_an_inherited_entry_cannot_be_taken_off() -> None:
    estate = Estate()
    with pytest.raises(ModelError) as caught:
        estate.org.admin.remove_permission("alice", "CORP\\Organization Management", (FULL_ACCESS,))
    assert caught.value.kind == "inherited"


def test_quarantine_ends_what_is_open_bounces_mail_and_ends_by_itself_after_a_day() -> None:
    estate = Estate()
    access = estate.access(Protocol.IMAP)
    ended: list[str] = []
    estate.org.open_session(access, pool=None, on_end=ended.append)
    estate.org.admin.quarantine("alice")
    assert ended == ["quarantine"]
    assert isinstance(enter(estate, estate.basic()), Denied)
    estate.org.submit("bob", ["alice@corp.example"], "hello", "x")
    assert estate.org.mailboxes["alice"].messages["Inbox"] == []
    assert "Undeliverable" in estate.org.mailboxes["bob"].messages["Inbox"][0].subject
    estate.wait(86_400)
    assert isinstance(enter(estate, estate.basic()), Access)


def test_2010_has_no_quarantine() -> None:
    with pytest.raises(ModelError):
        Estate(Version.V2010).org.admin.quarantine("alice")


def test_a_phone_that_is_blocked_stays_out_and_one_that_is_removed_comes_back() -> None:
    estate = Estate()
    phone = Device(device_id="PHONE1")
    who = estate.org.sign_in_basic("ex01", Pool.SYNC, "alice", OLD)
    assert isinstance(who, Principal)

    def sync() -> Access | Denied:
        return estate.org.enter("ex01", Protocol.ACTIVESYNC, who, device=phone)

    assert isinstance(sync(), Access)
    box = estate.org.mailboxes["alice"]
    del box.devices["PHONE1"]
    assert isinstance(sync(), Access)
    assert "PHONE1" in box.devices
    box.blocked_devices.append("PHONE1")
    estate.org.admin.recycle("ex01", Pool.SYNC)
    assert sync() == Denied(Denial.DEVICE_BLOCKED)


def test_a_delegate_comes_in_by_an_entry_and_nobody_else_does() -> None:
    estate = Estate()
    who = estate.org.sign_in_basic("ex01", Pool.SERVICES, "bob", "Bob-password-1")
    assert isinstance(who, Principal)
    assert isinstance(estate.org.enter("ex01", Protocol.EWS, who, mailbox="alice"), Denied)
    estate.org.admin.add_permission("alice", "CORP\\bob", (FULL_ACCESS,))
    assert isinstance(estate.org.enter("ex01", Protocol.EWS, who, mailbox="alice"), Access)
