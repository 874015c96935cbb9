# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypsrp.powershell import RunspacePool
from pypsrp.serializer import Serializer
from pypsrp.wsman import WSMan

from evict.systems.exchange.reading_text import lenient

POOL = lenient(RunspacePool(WSMan("127.0.0.1", auth="basic", username="a", password="b")))
OURS = POOL._serializer


def read(written: str) -> object:
    return OURS.deserialize(f"<S>{written}</S>")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a_xD800_b", "a\ufffdb"),
        ("_xDE00_", "\ufffd"),
        ("_xD83D__xDE00_", "\U0001f600"),
        ("a_x000A_b", "a\nb"),
        ("_x005F_x000A_", "_x000A_"),
        ("_x12_", "_x12_"),
        ("", ""),
    ],
)
def test_half_a_character_is_read_as_one_that_is_unknown(written: str, text: str) -> None:
    assert read(written) == text


def test_the_twin_the_library_itself_reads_nothing_of_it() -> None:
    with pytest.raises(UnicodeDecodeError):
        Serializer().deserialize("<S>a_xD800_b</S>")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_the_library_writes_is_read_as_the_library_reads_it(text: str) -> None:
    written = Serializer().serialize(text)
    assert written is not None
    assert OURS.deserialize(written) == Serializer().deserialize(written) == text


def test_messages_are_read_by_it_too() -> None:
    assert POOL._fragmenter.serializer is OURS
