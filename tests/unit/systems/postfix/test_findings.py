# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.core.exposure import Severity
from evict.systems.postfix.connector import PostfixConnector
from tests.unit.systems.postfix.fake_tools import FakePostfix

POLICY = (
    "check_policy_service { unix:evict/policy, timeout=3s,"
    " { default_action = 451 4.3.0 Try again later } }"
)


async def codes(postfix: FakePostfix, *, hooked: bool = True, port: int = 587) -> dict[str, str]:
    """Code -> text of what is not fine."""
    section = postfix.section(port=port) if hooked else postfix.section(hook=None)
    found = await PostfixConnector(section).findings()
    return {f.code: f.text for f in found if f.severity is not Severity.OK}


async def test_a_server_set_as_the_snippet_says_passes(postfix: FakePostfix) -> None:
    assert await codes(postfix) == {}
    assert await codes(postfix, port=1587) == {}  # over TCP


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("smtpd_recipient_restrictions", "x_restrictions", "postfix-hook-not-at-rcpt"),
        ("/inet/smtpd_data_restrictions", "/inet/x_restrictions", "postfix-hook-not-at-data"),
        ("smtpd_end_of_data_restrictions", "x_restrictions", "postfix-hook-not-at-end-of-data"),
        (
            f"{POLICY},permit_sasl_authenticated,reject",
            f"permit_sasl_authenticated,{POLICY},reject",
            "postfix-hook-after-permit",
        ),
        ("evict/policy", "private/other", "postfix-hook-not-at-rcpt"),
        ("timeout=3s", "timeout=100s", "postfix-hook-timeout"),
        ("451 4.3.0 Try again later", "DUNNO", "postfix-hook-fails-open"),
        ("451 4.3.0 Try again later", "OK", "postfix-hook-fails-open"),
        ("451 4.3.0 Try again later", "DEFER_IF_REJECT later", "postfix-hook-fails-open"),
        ("451 4.3.0 Try again later", "250 fine", "postfix-hook-fails-open"),
        ("= 451 4.3.0 Try again later", "=", "postfix-hook-fails-open"),
    ],
)
async def test_each_setting_that_lets_somebody_slip_by_is_named(
    postfix: FakePostfix, before: str, after: str, code: str
) -> None:
    postfix.change("options", before, after)
    assert code in await codes(postfix)


@pytest.mark.parametrize("action", ["reject", "521 5.7.1 no", "DEFER_IF_PERMIT", "defer later"])
async def test_every_refusing_default_is_fine(postfix: FakePostfix, action: str) -> None:
    postfix.change("options", "451 4.3.0 Try again later", action)
    assert await codes(postfix) == {}


async def test_postfixs_own_timeout_counts_where_the_hooks_is_not_set(
    postfix: FakePostfix,
) -> None:
    postfix.change("options", "timeout=3s,", "")
    assert set(await codes(postfix)) == {"postfix-hook-timeout"}
    postfix.change(
        "main", "smtpd_policy_service_timeout = 100s", "smtpd_policy_service_timeout = 2s"
    )
    assert await codes(postfix) == {}


async def test_checks_that_do_not_wait_for_the_login_are_a_warning(postfix: FakePostfix) -> None:
    postfix.change("main", "smtpd_delay_reject = yes", "smtpd_delay_reject = no")
    assert set(await codes(postfix)) == {"postfix-delay-reject"}


async def test_no_hook_and_no_submission_service_are_said(postfix: FakePostfix) -> None:
    assert set(await codes(postfix, hooked=False)) == {"postfix-no-hook"}
    assert set(await codes(postfix, port=465)) == {"postfix-no-submission"}


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ("postqueue", "postfix-queue"),
        ("postsuper", "postfix-hold"),
        ("postconf", "postfix-settings-unread"),
    ],
)
async def test_a_tool_that_is_missing_is_named_and_hides_nothing_else(
    postfix: FakePostfix, tool: str, code: str
) -> None:
    postfix.remove(tool)
    postfix.change("main", "smtpd_delay_reject = yes", "smtpd_delay_reject = no")
    found = await codes(postfix)
    others = set() if tool == "postconf" else {"postfix-delay-reject"}
    assert set(found) == {code} | others
    assert tool in found[code]


async def test_no_right_to_hold_is_only_a_warning(postfix: FakePostfix) -> None:
    postfix.take_root_away()
    found = await PostfixConnector(postfix.section()).findings()
    (hold,) = [f for f in found if f.code == "postfix-hold"]
    assert hold.severity is Severity.WARNING
