# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.core.errors import RemoteProtocolError, Unsupported
from evict.systems.command import Tool
from evict.systems.dovecot.settings import parse, read, seconds
from tests.unit.systems.dovecot.samples import RECORDED, recorded


def test_what_doveconf_prints_is_read() -> None:
    settings = recorded()
    assert settings.version == "2.3.19.1"
    assert settings.size("auth_cache_size") == 10 * 1024 * 1024
    assert settings.seconds("auth_cache_ttl") == 3600
    assert settings.get("auth_username_format") == "%Ln"
    assert settings.on("auth_policy_reject_on_fail")
    passdbs = [block.values for block in settings.blocks if block.kind == "passdb"]
    assert [(p["driver"], p["master"]) for p in passdbs] == [
        ("passwd-file", "yes"),
        ("ldap", "no"),
    ]


def test_a_setting_inside_a_block_is_not_the_servers() -> None:
    text = 'a = 1\nprotocol imap {\n  a = 2\n  inner x {\n    a = 3\n  }\n}\nb = "q r"\n'
    settings = parse(text)
    assert settings.values == {"a": "1", "b": '"q r"'}
    assert settings.get("b") == "q r"
    assert [(b.kind, b.name, b.values) for b in settings.blocks] == [
        ("protocol", "imap", {"a": "2"})
    ]


def test_a_hidden_secret_is_known_to_be_set() -> None:
    settings = parse("doveadm_api_key = # hidden, use -P to show it\nother = \n")
    assert settings.is_hidden("doveadm_api_key")
    assert not settings.is_hidden("other")
    assert not settings.is_hidden("missing")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("1 hours", 3600),
        ("2 secs", 2),
        ("500 msecs", 0.5),
        ("10 mins", 600),
        ("3 days", 259200),
        ("1 weeks", 604800),
        ("0", 0),
        ("infinite", None),
        ("", None),
        ("-1 secs", None),
    ],
)
def test_durations_are_read(value: str, wanted: float | None) -> None:
    assert seconds(value) == wanted


def test_a_size_that_is_none_is_not_taken_for_zero() -> None:
    assert recorded(auth_cache_size="unlimited").size("auth_cache_size") is None
    assert recorded(auth_cache_size="0").size("auth_cache_size") == 0


@given(st.text())
def test_no_text_makes_the_reader_fail(text: str) -> None:
    settings = parse(text)
    assert all("=" not in name for name in settings.values)


async def test_an_answer_without_settings_is_no_answer() -> None:
    with pytest.raises(RemoteProtocolError, match="cannot be read"):
        await read(Tool(system="dovecot", prefix=("echo",)), Path("/x"))


async def test_the_file_is_read_through_the_prefix() -> None:
    prefix = ("sh", "-c", f"cat {RECORDED / 'doveconf-2.3.19.txt'}", "--")
    settings = await read(Tool(system="dovecot", prefix=prefix), Path("/x"))
    assert settings.get("protocols") == "imap pop3 lmtp sieve"


async def test_a_host_without_doveconf_is_said_to_be_one() -> None:
    with pytest.raises(Unsupported, match="not found"):
        await read(Tool(system="dovecot", prefix=("/nowhere/ssh",)), Path("/x"))
