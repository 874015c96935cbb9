# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.grants import GrantKind
from evict.lab.model.mailbox import FULL_ACCESS, SELF
from evict.lab.model.mobile import Device
from evict.lab.model.profile import Version
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, ModelError, Pool, Principal, Protocol
from tests.unit.lab.model.made import NAME, OLD, Estate, denial

PHONE = Device(device_id="PHONE1", device_type="iPhone")


def sync(estate: Estate) -> Access | Denial | None:
    who = estate.org.sign_in_basic("ex01", Pool.SYNC, NAME, OLD)
    assert isinstance(who, Principal)
    entered = estate.org.enter("ex01", Protocol.ACTIVESYNC, who, device=PHONE)
    return entered if isinstance(entered, Access) else denial(entered)


def test_a_removed_partnership_comes_back_with_the_phone_and_a_blocked_id_does_not() -> None:
    estate = Estate()
    box, mobile = estate.org.mailboxes["alice"], estate.org.mobile
    sync(estate)
    estate.wait(60)
    mobile.remove(box, "phone1")
    sync(estate)
    assert box.devices["PHONE1"].first_sync == estate.clock.now
    assert mobile.block(box, "phone1")
    assert not mobile.block(box, "PHONE1")
    assert isinstance(sync(estate), Access)
    estate.wait(900)
    mobile.remove(box, "PHONE1")
    assert sync(estate) is Denial.DEVICE_BLOCKED
    assert box.devices == {}
    assert mobile.block(box, "PHONE1", blocked=False)
    with pytest.raises(ModelError):
        mobile.remove(box, "PHONE1")


def test_a_wipe_waits_for_the_phone_and_a_shut_door_keeps_it_from_it() -> None:
    estate = Estate()
    box, mobile = estate.org.mailboxes["alice"], estate.org.mobile
    sync(estate)
    estate.org.admin.wipe_account("alice", "PHONE1")
    estate.org.set_features("alice", activesync=False)
    estate.org.recycle("ex01", Pool.SYNC)
    assert sync(estate) is Denial.FEATURE_OFF
    estate.org.set_features("alice", activesync=True)
    estate.org.recycle("ex01", Pool.SYNC)
    assert sync(estate) is Denial.DEVICE_WIPE
    assert mobile.acknowledge_wipe(box, "PHONE1")
    assert not mobile.acknowledge_wipe(box, "PHONE1")
    assert not estate.org.admin.cancel_wipe("alice", "PHONE1")
    assert box.devices["PHONE1"].wipe == "acknowledged"
    assert isinstance(sync(estate), Access)


def test_a_wipe_is_called_off_while_it_is_pending() -> None:
    estate = Estate()
    sync(estate)
    estate.org.admin.wipe_account("alice", "PHONE1")
    assert estate.org.admin.cancel_wipe("alice", "PHONE1")
    assert isinstance(sync(estate), Access)


def test_2013_wipes_no_account_alone() -> None:
    estate = Estate(Version.V2013)
    sync(estate)
    with pytest.raises(ModelError):
        estate.org.admin.wipe_account("alice", "PHONE1")


def test_grants_are_found_from_both_ends_and_the_system_is_nobodys_delegate() -> None:
    estate = Estate()
    estate.org.set_permission("alice", "CORP\\bob", (FULL_ACCESS,))
    bob = estate.org.mailboxes["bob"]
    bob.send_as.append("alice")
    bob.send_on_behalf.append("alice@corp.example")
    bob.folder_permissions["Calendar"] = {"Default": ("AvailabilityOnly",), "alice": ("Editor",)}
    on = estate.org.grants.on("alice")
    assert [(g.kind, g.user) for g in on] == [(GrantKind.FULL_ACCESS, "bob")]
    held = estate.org.grants.held_by("alice")
    assert {g.kind for g in held} == {
        GrantKind.SEND_AS,
        GrantKind.SEND_ON_BEHALF,
        GrantKind.FOLDER,
    }
    assert {(g.owner, g.user) for g in held} == {("bob", "alice")}


def test_a_delegate_of_one_folder_sees_that_one() -> None:
    estate = Estate()
    box = estate.org.mailboxes["bob"]
    box.folder_permissions["Calendar"] = {NAME: ("Reviewer",)}
    who = estate.basic()
    assert isinstance(who, Principal)
    entered = estate.org.enter("ex01", Protocol.EWS, who, mailbox="bob")
    assert isinstance(entered, Access)
    assert entered.folders == frozenset({"Calendar"})
    assert estate.access().folders is None
    box.folder_permissions["Calendar"] = {NAME: ("None",)}
    refused = estate.org.enter("ex01", Protocol.EWS, who, mailbox="bob")
    assert denial(refused) is Denial.NO_PERMISSION


def test_an_entry_is_added_to_and_taken_from_and_a_deny_comes_first() -> None:
    estate = Estate()
    box = estate.org.mailboxes["alice"]
    estate.org.set_permission("alice", "CORP\\bob", (FULL_ACCESS,))
    estate.org.set_permission("alice", "CORP\\BOB", (FULL_ACCESS, "SendAs"))
    mine = [e for e in box.acl if e.user == "CORP\\bob"]
    assert [e.rights for e in mine] == [(FULL_ACCESS, "SendAs")]
    estate.org.set_permission("alice", "CORP\\bob", (FULL_ACCESS,), deny=True)
    assert not box.allows("CORP\\bob", FULL_ACCESS)
    assert estate.org.remove_permission("alice", "CORP\\bob", (FULL_ACCESS,), deny=True)
    assert box.allows("corp\\bob", FULL_ACCESS)
    assert estate.org.remove_permission("alice", "CORP\\bob", ("fullaccess", "SendAs"))
    assert not estate.org.remove_permission("alice", "CORP\\bob", (FULL_ACCESS,))
    assert not [e for e in box.acl if e.user == "CORP\\bob"]


def test_a_deny_of_self_keeps_the_owner_out_of_new_logons() -> None:
    estate = Estate()
    estate.org.set_permission("alice", SELF, (FULL_ACCESS,), deny=True)
    who = estate.basic()
    assert isinstance(who, Principal)
    assert denial(estate.org.enter("ex01", Protocol.EWS, who)) is Denial.NO_PERMISSION
