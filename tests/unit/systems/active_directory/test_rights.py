# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import uuid

import pytest

from evict.systems.active_directory.measures import PWD_LAST_SET_RIGHT, RESET_RIGHT, UAC_RIGHT
from evict.systems.active_directory.rights import EVERYBODY, missing_rights

ME = bytes.fromhex("010500000000000515000000") + b"\x07\x00\x00\x00" * 4
OTHER = ME[:-1] + b"\x01"
TOKEN = EVERYBODY | {ME}
RESET = uuid.UUID("00299570-246d-11d0-a768-00aa006e0529")
UAC = uuid.UUID("bf967a68-0de6-11d0-a285-00aa003049e2")
LAST_SET = uuid.UUID("bf967a0a-0de6-11d0-a285-00aa003049e2")
RESTRICTIONS = uuid.UUID("4c164200-20c0-11d0-a768-00aa006e0529")
USER = uuid.UUID("bf967aba-0de6-11d0-a285-00aa003049e2")
CONTROL, WRITE = 0x100, 0x20
ALL = (RESET_RIGHT, UAC_RIGHT, PWD_LAST_SET_RIGHT)


def ace(
    mask: int,
    *,
    of: uuid.UUID | None = None,
    sid: bytes = ME,
    deny: bool = False,
    flags: int = 0,
    inherited: uuid.UUID | None = None,
) -> bytes:
    if of is None and inherited is None:
        body = struct.pack("<I", mask) + sid
        kind = 1 if deny else 0
    else:
        present = (1 if of else 0) | (2 if inherited else 0)
        types = b"".join(t.bytes_le for t in (of, inherited) if t)
        body = struct.pack("<II", mask, present) + types + sid
        kind = 6 if deny else 5
    return struct.pack("<BBH", kind, flags, 4 + len(body)) + body


def descriptor(*entries: bytes) -> bytes:
    body = b"".join(entries)
    acl = struct.pack("<BBHHH", 4, 0, 8 + len(body), len(entries), 0) + body
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) + acl


def test_the_three_least_rights_suffice() -> None:
    held = descriptor(
        ace(CONTROL, of=RESET, inherited=USER), ace(WRITE, of=UAC), ace(WRITE, of=LAST_SET)
    )
    assert missing_rights(held, TOKEN) == ()


def test_each_that_is_not_granted_is_named() -> None:
    assert missing_rights(descriptor(), TOKEN) == ALL
    assert missing_rights(descriptor(ace(WRITE, of=UAC)), TOKEN) == (
        RESET_RIGHT,
        PWD_LAST_SET_RIGHT,
    )


def test_the_property_set_and_full_control_carry_them() -> None:
    assert missing_rights(descriptor(ace(WRITE, of=RESTRICTIONS)), TOKEN) == (RESET_RIGHT,)
    assert missing_rights(descriptor(ace(0xF01FF)), TOKEN) == ()


def test_what_is_granted_to_somebody_else_does_not_count() -> None:
    assert missing_rights(descriptor(ace(0xF01FF, sid=OTHER)), TOKEN) == ALL


def test_what_is_only_passed_on_to_children_does_not_count() -> None:
    assert missing_rights(descriptor(ace(0xF01FF, flags=0x0A)), TOKEN) == ALL


def test_a_denial_that_stands_first_wins() -> None:
    held = descriptor(ace(CONTROL, of=RESET, deny=True), ace(0xF01FF))
    assert missing_rights(held, TOKEN) == (RESET_RIGHT,)
    turned = descriptor(ace(0xF01FF), ace(CONTROL, of=RESET, deny=True))
    assert missing_rights(turned, TOKEN) == ()


def test_no_list_at_all_lets_everybody() -> None:
    assert missing_rights(struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0), TOKEN) == ()


@pytest.mark.parametrize("cut", [0, 10, 24, 30])
def test_half_a_descriptor_is_an_error_and_no_right(cut: int) -> None:
    with pytest.raises(ValueError, match="descriptor"):
        missing_rights(descriptor(ace(CONTROL, of=RESET))[:cut], TOKEN)
