# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evict.core.errors import RemoteProtocolError
from evict.systems.command import Tool
from evict.systems.postfix.settings import Settings, parse, policies, read, seconds
from tests.unit.systems.postfix.fake_tools import RECORDED, FakePostfix


def recorded() -> Settings:
    texts = [(RECORDED / f"postconf-3.7-{n}.txt").read_text() for n in ("x", "x-P", "M")]
    return parse(*texts)


def test_what_postconf_prints_is_read() -> None:
    settings = recorded()
    assert settings.get("maximal_queue_lifetime") == "5d"
    assert settings.get("smtpd_sasl_type") == "dovecot"
    assert settings.get("no_such") == ""
    assert settings.listening(587) == ("192.0.2.1:587/inet",)
    assert settings.listening(25) == ("192.0.2.1:25/inet",)
    assert settings.listening(465) == ()


def test_what_master_cf_sets_for_a_service_comes_before_main_cf() -> None:
    settings = recorded()
    assert settings.get("smtpd_sasl_auth_enable") == "no"
    assert settings.get("smtpd_sasl_auth_enable", "192.0.2.1:587/inet") == "yes"
    assert settings.get("smtpd_delay_reject", "192.0.2.1:587/inet") == "yes"


def test_a_service_is_found_by_its_port_or_its_name() -> None:
    lines = (
        "submission inet n - y - - smtpd\n"
        "[::1]:587 inet n - y - - smtpd -o syslog_name=x\n"
        "smtps inet n - y - - smtpd\n"
        "587 inet n - y - - spawn user=x argv=y\n"
        "587 unix n - y - - smtpd\n"
        "short line\n"
    )
    settings = parse("", "", lines)
    assert settings.listening(587) == ("submission/inet", "[::1]:587/inet")
    assert settings.listening(465) == ("smtps/inet",)


def test_a_policy_is_read_with_its_options_and_what_stands_before_it() -> None:
    text = (
        "reject_unlisted_recipient, check_sasl_access hash:/x permit_mynetworks,"
        " check_policy_service { unix:evict/policy, timeout=3s,"
        " { default_action = 451 4.3.0 Try again later } } permit"
        " check_policy_service inet:127.0.0.1:10040, reject"
    )
    first, second = policies(text)
    assert first.server == "unix:evict/policy"
    assert first.options == {"timeout": "3s", "default_action": "451 4.3.0 Try again later"}
    assert first.after[-1] == "permit_mynetworks"
    assert (second.server, second.options) == ("inet:127.0.0.1:10040", {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "check_policy_service",
        "check_policy_service {",
        "check_policy_service { }",
        "check_policy_service { } }",
        "check_policy_service {{{}",
    ],
)
def test_a_broken_list_is_read_as_far_as_it_goes(text: str) -> None:
    assert all(not policy.options for policy in policies(text))


@given(st.text(alphabet="check_policy_service {}=,: x\n", max_size=80), st.text())
def test_no_text_makes_the_readers_fail(restrictions: str, text: str) -> None:
    policies(f"check_policy_service {restrictions}")
    assert isinstance(parse(text, text, text), Settings)


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        ("3s", "s", 3),
        ("100", "s", 100),
        ("5d", "d", 432000),
        ("2", "d", 172800),
        ("1w", "d", 604800),
        ("", "s", None),
        ("${x}", "s", None),
        ("-1", "s", None),
    ],
)
def test_durations_are_read(value: str, unit: str, wanted: float | None) -> None:
    assert seconds(value, unit) == wanted


async def test_a_server_is_asked_with_the_configured_folder(postfix: FakePostfix) -> None:
    section = postfix.section()
    tool = Tool(system="postfix", prefix=section.command_prefix)
    assert await read(tool, section.config_directory) == recorded()
    asked = (postfix.folder / "asked").read_text().splitlines()
    assert sorted(asked) == ["-c /etc/postfix -M", "-c /etc/postfix -x", "-c /etc/postfix -x -P"]
    postfix.say("main", "nothing of use\n")
    with pytest.raises(RemoteProtocolError, match="cannot be read"):
        await read(tool, section.config_directory)
