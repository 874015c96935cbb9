# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from msgspec import structs

from evict.core.exposure import Finding, Severity
from evict.core.secret import Secret
from evict.systems.command import Tool
from evict.systems.dovecot.doveadm import Doveadm
from evict.systems.dovecot.findings import examine, shared_probe_addresses
from evict.systems.dovecot.hook_settings import hook_findings
from evict.systems.dovecot.settings import Settings
from tests.unit.systems.dovecot.fake_doveadm import KEY, FakeDoveadm
from tests.unit.systems.dovecot.samples import RECORDED, recorded, section

HOST = "127.83.12.1"
GOOD = (RECORDED / "doveconf-2.3.19.txt").read_text()


def codes(findings: tuple[Finding, ...], *severities: Severity) -> set[str]:
    wanted = severities or (Severity.WARNING, Severity.ERROR)
    return {f.code for f in findings if f.severity in wanted}


def of_hook(read: Settings) -> set[str]:
    return codes(hook_findings(section(), read))


def test_a_server_set_as_the_snippet_says_passes() -> None:
    (only,) = hook_findings(section(), recorded())
    assert (only.code, only.severity) == ("dovecot-hook", Severity.OK)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("auth_policy_reject_on_fail", "no", "dovecot-hook-fails-open"),
        ("auth_policy_log_only", "yes", "dovecot-hook-log-only"),
        ("auth_policy_check_before_auth", "no", "dovecot-hook-before-auth"),
        ("auth_policy_check_after_auth", "no", "dovecot-hook-after-auth"),
        ("auth_policy_server_url", "", "dovecot-hook-not-asked"),
        ("auth_policy_server_url", "http://192.0.2.1:9999/", "dovecot-hook-elsewhere"),
        ("auth_policy_server_url", "http://192.0.2.1:x/", "dovecot-hook-elsewhere"),
        ("auth_policy_server_timeout_msecs", "30000", "dovecot-hook-timeout"),
        (
            "auth_policy_request_attributes",
            "login=%{user} requested=%{requested_username} mech=%m pwhash=%{hashed_password}",
            "dovecot-hook-password-hash",
        ),
        ("auth_policy_request_attributes", "login=%{user} mech=%m", "dovecot-hook-attributes"),
        (
            "auth_policy_request_attributes",
            "login=%{orig_user} requested=%{requested_username} mech=%m",
            "dovecot-hook-attributes",
        ),
        ("auth_policy_request_attributes", "", "dovecot-hook-attributes"),
    ],
)
def test_each_setting_that_lets_somebody_slip_by_is_named(name: str, value: str, code: str) -> None:
    assert code in of_hook(recorded(**{name: value}))


def test_a_missing_key_is_told_from_one_this_user_may_not_read() -> None:
    assert "dovecot-hook-key" not in of_hook(recorded())
    hidden = "# hidden, use -P to show it"
    assert "dovecot-hook-key" in of_hook(recorded(doveadm_api_key=hidden))
    with_key = recorded(doveadm_api_key=hidden, auth_policy_server_api_header=hidden)
    assert "dovecot-hook-key" not in of_hook(with_key)


def test_no_hook_is_a_warning_with_its_remedy() -> None:
    (only,) = hook_findings(section(hook=None), recorded())
    assert only.severity is Severity.WARNING
    assert "evict agent snippet dovecot" in only.remedy


async def examined(text: str, *, url: str, probe_network: str | None = None) -> set[str]:
    doveadm = Doveadm(url, Secret(KEY), system="dovecot")
    tool = Tool(system="dovecot", prefix=("printf", "%s", text))
    try:
        found = await examine(section(url), doveadm, tool, probe_network=probe_network)
    finally:
        await doveadm.close()
    return codes(found)


async def test_a_good_server_has_nothing_to_mend() -> None:
    async with FakeDoveadm(HOST) as server:
        assert await examined(GOOD, url=server.url) == set()


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("auth_username_format = %Ln", "auth_username_format = %Lu", "dovecot-username-format"),
        ("auth_master_user_separator = *", "auth_master_user_separator = /", "dovecot-master-user"),
        ("  master = yes", "  master = no", "dovecot-master-user"),
        (
            "mail_max_userip_connections = 1000",
            "mail_max_userip_connections = 5",
            "dovecot-few-connections",
        ),
        ("# 2.3.19.1", "# 2.4.1", "dovecot-version"),
        ("protocols = ", "no_such = ", "dovecot-settings-unread"),
    ],
)
async def test_each_setting_that_does_not_fit_ours_is_named(
    before: str, after: str, code: str
) -> None:
    assert before in GOOD
    async with FakeDoveadm(HOST) as server:
        assert await examined(GOOD.replace(before, after), url=server.url) == {code}


async def test_a_master_separator_that_nobody_told_us_is_a_warning() -> None:
    async with FakeDoveadm(HOST) as server:
        doveadm = Doveadm(server.url, Secret(KEY), system="dovecot")
        untold = structs.replace(section(server.url), master_separator=None)
        tool = Tool(system="dovecot", prefix=("printf", "%s", GOOD))
        found = await examine(untold, doveadm, tool, probe_network=None)
        await doveadm.close()
    assert codes(found, Severity.WARNING) == {"dovecot-master-user"}


async def test_a_wrong_key_and_a_dead_doveadm_are_errors() -> None:
    async with FakeDoveadm(HOST) as server:
        url = server.url
        doveadm = Doveadm(url, Secret("wrong"), system="dovecot")
        tool = Tool(system="dovecot", prefix=("printf", "%s", GOOD))
        found = await examine(section(url), doveadm, tool, probe_network=None)
        await doveadm.close()
        assert codes(found) == {"dovecot-doveadm"}
        assert "wrong" not in "".join(f.text + f.remedy for f in found)
    assert await examined(GOOD, url=url) == {"dovecot-doveadm"}


async def test_people_who_share_the_probes_addresses_are_counted() -> None:
    class Placed(FakeDoveadm):
        def _one(self, name: str, parameters: dict[str, object], tag: str) -> list[object]:
            self.commands.append((name, parameters))
            rows = [
                {"username": "bob", "service": "imap", "ip": "10.9.8.1"},
                {"username": "eve", "service": "imap", "ip": "10.9.9.1"},
                {"username": "sue", "service": "imap", "ip": "::1"},
                {"username": "tom", "service": "imap", "ip": ""},
            ]
            return ["doveadmResponse", rows, tag] if name == "who" else []

    async with Placed(HOST) as server:
        doveadm = Doveadm(server.url, Secret(KEY), system="dovecot")
        shared = await shared_probe_addresses(doveadm, "dovecot", "10.9.8.0/28")
        apart = await shared_probe_addresses(doveadm, "dovecot", "10.9.7.0/28")
        await doveadm.close()
        assert "dovecot-probe-addresses-shared" in await examined(
            GOOD, url=server.url, probe_network="10.9.8.0/28"
        )
    assert shared.severity is Severity.WARNING
    assert ": 1;" in shared.text
    assert "bob" not in shared.text
    assert apart.severity is Severity.OK
