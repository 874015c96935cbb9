# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from evict.agent.replica import Replica
from evict.core.errors import LedgerDamaged
from evict.ledger.feed import Entries
from tests.unit.agent.fakes import START, Chain, push


def fed(chain: Chain, separators: str = "") -> Replica:
    replica = Replica(separators=separators)
    replica.apply(chain.snapshot())
    return replica


def test_without_a_snapshot_nobody_may_come_in() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    replica = Replica()
    assert replica.decide(b"bob") is None
    replica.apply(chain.snapshot(caught_up=False))
    assert (replica.decide(b"bob"), replica.decide(b"alice")) == (None, None)
    replica.apply(push())
    assert (replica.decide(b"bob"), replica.decide(b"alice")) == (True, False)


def test_every_form_of_a_revoked_account_is_refused_and_nobody_elses() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice", "alice@corp.test", "corp\\alice", "jürgen")
    replica = fed(chain)
    for name in ("alice", "ALICE@Corp.Test", "CORP\\alice", "alice+x@corp.test", "JU\u0308RGEN"):
        assert replica.decide(name.encode()) is False, name
    for name in ("alice2", "lice", "alice@other.test", "bob+alice@corp.test"):
        assert replica.decide(name.encode()) is True, name


def test_a_name_that_has_no_canonical_form_is_refused() -> None:
    replica = fed(Chain())
    for login in (b"", b"a\0b", b"a\nb", b"\xff\xfe", b" bob", b"bob ", b"bob%40x", b"x" * 257):
        assert replica.decide(login) is False, login
    assert replica.decide("bo\u202eb".encode()) is False
    assert replica.decide("b\u043eb".encode()) is False


def test_both_parts_of_a_master_users_login_count() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    replica = fed(chain, separators="*")
    assert replica.decide(b"alice*boss") is False
    assert replica.decide(b"bob*alice") is False
    assert replica.decide(b"bob*boss") is True
    assert replica.decide(b"bob*") is False
    assert replica.decide(b"bo\0b*boss") is False
    assert fed(chain).decide(b"bob*boss") is False


def test_a_reinstated_account_may_come_in_but_not_with_a_ticket_of_before() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice", "alice@corp.test")
    until = START + timedelta(hours=10)
    chain.reinstate("id-1", "alice", "alice@corp.test", tickets_dead_until=until)
    now = START.timestamp()
    replica = Replica(clock=lambda: now)
    replica.apply(chain.snapshot())
    assert replica.decide(b"alice", b"PLAIN") is True
    for mechanism in (b"GSSAPI", b"gssapi", b"GSS-SPNEGO", b""):
        assert replica.decide(b"Alice", mechanism) is False
        assert replica.decide(b"alice+x@corp.test", mechanism) is False
    assert replica.decide(b"bob", b"GSSAPI") is True
    now = until.timestamp()
    assert replica.decide(b"alice", b"GSSAPI") is True


def test_a_form_that_two_accounts_share_is_closed_while_one_of_them_is() -> None:
    chain = Chain()
    chain.revoke("id-1", "info@corp.test")
    chain.revoke("id-2", "info@corp.test")
    replica = fed(chain)
    replica.apply(push(chain.reinstate("id-1", "info@corp.test")))
    assert replica.decide(b"info@corp.test") is False
    replica.apply(push(chain.reinstate("id-2", "info@corp.test")))
    assert replica.decide(b"info@corp.test") is True


def test_an_entry_whose_names_were_erased_opens_what_its_account_had_closed() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    replica = fed(chain)
    replica.apply(push(chain.reinstate("id-1")))
    assert replica.decide(b"alice") is True


def test_a_change_names_each_account_once_as_it_stands_after_the_run() -> None:
    chain = Chain()
    entries = [
        chain.revoke("id-1", "alice"),
        chain.revoke("id-2", "bob"),
        chain.reinstate("id-1"),
        chain.adopt(),
    ]
    replica = Replica()
    change = replica.apply(push(*entries))
    assert [(leaver.account, leaver.seq) for leaver in change.revoked] == [("id-2", 2)]
    assert change.reinstated == ("id-1",)
    found = replica.leaver(2)
    assert found is not None
    assert found.forms == ("bob",)
    assert replica.leaver(1) is None


@pytest.mark.parametrize("field", ["raw", "prev", "hash"])
def test_a_run_with_a_changed_byte_is_not_taken(field: str) -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    replica = fed(chain)
    entry = chain.revoke("id-2", "bob")
    value = getattr(entry, field)
    spoiled = msgspec.structs.replace(entry, **{field: bytes([value[0] ^ 1]) + value[1:]})
    with pytest.raises(LedgerDamaged):
        replica.apply(push(spoiled))
    assert (replica.seq, replica.decide(b"alice"), replica.decide(b"bob")) == (1, False, True)
    replica.apply(push(entry))
    assert replica.decide(b"bob") is False


def test_a_run_that_leaves_one_out_is_not_taken() -> None:
    chain = Chain()
    replica = fed(chain)
    chain.revoke("id-1", "alice")
    with pytest.raises(LedgerDamaged):
        replica.apply(push(chain.revoke("id-2", "bob")))


def test_a_whole_chain_that_forgot_a_revocation_does_not_reopen() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    older = chain.snapshot()
    chain.revoke("id-2", "bob")
    replica = fed(chain)
    with pytest.raises(LedgerDamaged, match="does not contain entry 2"):
        replica.apply(older)
    assert replica.decide(b"bob") is False
    other = Chain("ledger-2")
    for number in range(3):
        other.revoke(f"id-{number}", "carol")
    with pytest.raises(LedgerDamaged):
        replica.apply(other.snapshot())
    assert replica.decide(b"bob") is False


def test_a_restored_chain_is_taken_once_it_was_adopted() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    replica = fed(chain)
    restored = Chain()
    restored.adopt()
    restored.revoke("id-3", "carol")
    replica.apply(restored.snapshot())
    assert (replica.decide(b"alice"), replica.decide(b"carol")) == (True, False)
    assert replica.hash == restored.head


def test_a_whole_chain_that_is_longer_replaces_the_known_one() -> None:
    chain = Chain()
    chain.revoke("id-1", "alice")
    replica = fed(chain)
    chain.revoke("id-2", "bob")
    change = replica.apply(chain.snapshot())
    assert {leaver.account for leaver in change.revoked} == {"id-1", "id-2"}
    assert replica.decide(b"bob") is False


def test_the_head_is_what_the_hello_says() -> None:
    replica = Replica()
    assert (replica.seq, replica.hash) == (0, b"")
    chain = Chain()
    entry = chain.revoke("id-1", "alice")
    replica.apply(Entries(entries=(entry,), whole=True, caught_up=False))
    assert (replica.seq, replica.hash, replica.ready) == (1, entry.hash, False)
