# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.control.cases.addresses import SourceAddresses
from evict.control.cases.masteruser import login_name
from evict.control.orders.telling import worst
from evict.control.views import in_words
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.errors import ExitCode

ACCOUNT = Account(
    id="1",
    directory="directory",
    dn="CN=a",
    sam="Alice",
    upn="alice@corp.test",
    domain="CORP",
    dns_domain="corp.test",
)


def test_probes_never_share_an_address_while_there_are_others() -> None:
    sources = SourceAddresses("127.77.16.0/28")
    taken = [sources.next() for _ in range(14)]
    assert len(set(taken)) == 14
    assert sources.next() == taken[0]


def test_without_a_network_the_system_chooses() -> None:
    assert SourceAddresses(None).next() is None


@pytest.mark.parametrize(
    ("protocol", "username_format", "name"),
    [
        ("imap", "%Ln", "Alice"),
        ("imap", "%Lu", "alice@corp.test"),
        ("submission", "%n", "Alice"),
        ("ldap", "%Ln", "alice@corp.test"),
        ("kerberos", "%Lu", "Alice@CORP.TEST"),
    ],
)
def test_an_account_logs_in_by_the_name_that_the_server_knows(
    protocol: str, username_format: str, name: str
) -> None:
    endpoint = Endpoint(system="s", protocol=protocol, host="h", port=1, realm="CORP.TEST")
    assert login_name(ACCOUNT, endpoint, username_format) == name


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "never"),
        (0, "at once"),
        (90, "90 s"),
        (3600, "1 h"),
        (5400, "90 min"),
        (36000, "10 h"),
    ],
)
def test_durations_are_told_in_words(seconds: float | None, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], ExitCode.OK),
        ([ExitCode.OK, ExitCode.NOT_PROVEN], ExitCode.NOT_PROVEN),
        ([ExitCode.NOT_PROVEN, ExitCode.DOOR_OPEN], ExitCode.DOOR_OPEN),
        ([ExitCode.DOOR_OPEN, ExitCode.FAILED, ExitCode.GUARD_REFUSED], ExitCode.FAILED),
        ([ExitCode.OK, ExitCode.GUARD_REFUSED], ExitCode.GUARD_REFUSED),
    ],
)
def test_the_worst_code_wins(codes: list[ExitCode], code: ExitCode) -> None:
    assert worst(codes) is code
