# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from evict.lab.model.features import FEATURES, NULLABLE, Features
from evict.lab.model.profile import Version
from evict.lab.model.words import Denial, ModelError, Pool, Protocol
from tests.unit.lab.model.made import NAME, OLD, Estate, denial


def imap(estate: Estate, server: str = "ex01") -> Denial | None:
    who = estate.org.sign_in_direct(server, Protocol.IMAP, NAME, OLD)
    return denial(who) or denial(estate.org.enter(server, Protocol.IMAP, who))  # type: ignore[arg-type]


def test_each_server_reads_for_itself_and_a_restart_of_the_service_makes_it_look() -> None:
    estate = Estate()
    assert imap(estate) is None
    assert estate.org.set_features("alice", imap=False)
    assert imap(estate) is None
    assert imap(estate, "ex02") is Denial.FEATURE_OFF
    estate.org.restart_service("ex01", "MSExchangeImap4")
    assert imap(estate) is Denial.FEATURE_OFF


def test_a_feature_off_leaves_what_is_live() -> None:
    estate = Estate()
    session = estate.live(Protocol.IMAP)
    estate.org.set_features("alice", imap=False)
    estate.wait(1000)
    assert estate.org.use(session) is None
    assert imap(estate) is Denial.FEATURE_OFF


def test_submission_has_no_feature() -> None:
    estate = Estate()
    estate.org.set_features("alice", **dict.fromkeys(("owa", "imap", "pop3", "mapi"), False))
    estate.wait(10_000)
    assert estate.access(Protocol.SMTP).protocol is Protocol.SMTP


def test_2003_reads_activesync_and_owa_with_one_worker() -> None:
    estate = Estate(Version.V2003)
    who = estate.org.sign_in_basic("ex01", Pool.SYNC, NAME, OLD)
    estate.org.directory.disable("alice")
    assert denial(estate.org.sign_in_basic("ex01", Pool.OWA, NAME, OLD)) is None
    estate.org.recycle("ex01", Pool.OWA)
    assert denial(who) is None
    refused = estate.org.sign_in_basic("ex01", Pool.SYNC, NAME, OLD)
    assert denial(refused) is Denial.ACCOUNT_DISABLED


@pytest.mark.parametrize(
    ("version", "flag"),
    [
        (Version.V2007, "ews"),
        (Version.V2010, "mapi_http"),
        (Version.V2010, "owa_for_devices"),
        (Version.V2003, "um"),
        (Version.V2019, "um"),
        (Version.V2019, "telepathy"),
    ],
)
def test_a_flag_that_the_version_has_not_is_refused(version: Version, flag: str) -> None:
    estate = Estate(version)
    before = estate.org.mailboxes["alice"].features.flags()
    with pytest.raises(ModelError) as caught:
        estate.org.set_features("alice", **{flag: False})
    assert caught.value.kind == "unsupported"
    assert estate.org.mailboxes["alice"].features.flags() == before


def test_unified_messaging_is_on_or_off_where_there_is_any() -> None:
    estate = Estate(Version.V2016)
    assert estate.org.set_features("alice", um=True)
    assert not estate.org.set_features("alice", um=True)
    assert estate.org.mailboxes["alice"].um_enabled


def test_null_is_only_for_what_the_organisation_can_decide() -> None:
    features = Features()
    assert features.change({"mapi_http": False}, 5.0)
    assert features.change({"mapi_http": None}, 6.0)
    assert features.set_at == 6.0
    assert not features.change({"mapi_http": None, "owa": True}, 7.0)
    assert features.set_at == 6.0
    with pytest.raises(ModelError):
        features.change({"owa": None}, 8.0)
    assert set(NULLABLE) < set(FEATURES)
    with pytest.raises(KeyError):
        features["set_at"]
