# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.systems.ldap.messages import Malformed
from evict.systems.openldap import sync

IDS = st.uuids().map(str)
COOKIES = st.binary(max_size=300)


@given(mode=st.sampled_from([sync.REFRESH_ONLY, sync.REFRESH_AND_PERSIST]), cookie=COOKIES)
def test_a_request_is_read_as_it_was_written(mode: int, cookie: bytes) -> None:
    oid, critical, value = sync.request(mode, cookie)
    assert (oid, critical) == (sync.SYNC_REQUEST, 1)
    assert sync.read_request(value) == (mode, cookie)


@given(state=st.integers(0, 3), entry=IDS, cookie=COOKIES)
def test_a_state_is_read_as_it_was_written(state: int, entry: str, cookie: bytes) -> None:
    told = sync.State(state=state, entry=entry, cookie=cookie)
    assert sync.read_state(sync.write_state(told)) == told


@given(cookie=COOKIES, deletes=st.booleans())
def test_an_end_is_read_as_it_was_written(cookie: bytes, deletes: bool) -> None:  # noqa: FBT001
    told = sync.Done(cookie=cookie, deletes=deletes)
    assert sync.read_done(sync.write_done(told)) == told


@given(ids=st.lists(IDS, max_size=40).map(tuple), cookie=COOKIES)
def test_only_a_set_with_refresh_deletes_tells_of_deletions(
    ids: tuple[str, ...], cookie: bytes
) -> None:
    told = sync.read_info(sync.write_deleted(ids, cookie))
    assert told == sync.Info(cookie=cookie, deleted=ids)
    assert sync.read_info(sync.write_present(ids)) == sync.Info(present_phase=True)


@given(value=st.binary(max_size=80))
def test_anything_at_all_is_read_or_malformed(value: bytes) -> None:
    for read in (sync.read_request, sync.read_state, sync.read_done, sync.read_info):
        with contextlib.suppress(Malformed):
            assert read(value) is not None


@given(ids=st.lists(IDS, min_size=1, max_size=20).map(tuple), data=st.data())
def test_half_a_word_is_no_deletion(ids: tuple[str, ...], data: st.DataObject) -> None:
    whole = sync.write_deleted(ids)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(Malformed):
        sync.read_info(cut)


def test_a_message_of_a_real_server_is_read() -> None:
    """Taken from slapd 2.5.13: one deletion, in a refresh with a session log."""
    entry = uuid.UUID("4f090916-7c84-1041-8a48-cbe32dfe4dac")
    value = b"\xa3\x17\x01\x01\xff\x31\x12\x04\x10" + entry.bytes
    assert sync.read_info(value) == sync.Info(deleted=(str(entry),))
    assert sync.read_info(b"\x80\x03abc") == sync.Info(cookie=b"abc")
    assert sync.read_info(b"\xa1\x00") == sync.Info()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x30",
        b"\xa3\x02\x31\x05",
        b"\xa3\x06\x31\x04\x04\x02ab",
        b"\xa3\x00",
        b"\xa4\x00",
        b"\xa3\x05\x01\x01\xff\x30\x00",
        b"\xa3\x08\x01\x01\xff\x01\x01\x00\x31\x00",
        b"\xa1\x00\xa1\x00",
    ],
)
def test_what_does_not_fit_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        sync.read_info(value)
