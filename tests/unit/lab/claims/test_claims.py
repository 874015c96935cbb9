# SPDX-License-Identifier: Apache-2.0
"""Each claim is seen, and not seen any more once the model's rule behind it is switched off."""

from __future__ import annotations

import importlib

import pytest

from evict.lab.claims.catalogue import Claim, catalogue
from evict.lab.claims.running import DEMONSTRATIONS, Status, show
from evict.lab.claims.seen import Found
from evict.lab.model.delays import Delays, delays
from evict.lab.model.profile import Version
from tests.unit.lab.claims.sabotage import SABOTAGE

EVERY = list(Version)
CLAIMS = catalogue().claims
each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)


@each_claim
def test_it_is_seen(claim: Claim) -> None:
    shown = show(claim, EVERY)
    assert shown.status is not Status.NOT_SHOWN, shown.seen
    assert [version for sight in shown.seen for version in sight.versions] == EVERY
    assert all(sight.text for sight in shown.seen)


@each_claim
def test_it_is_not_seen_without_its_rule(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    SABOTAGE[claim.id](monkeypatch)
    assert show(claim, EVERY).status is Status.NOT_SHOWN


def test_every_claim_has_its_sabotage_and_no_other_has() -> None:
    assert set(SABOTAGE) == {claim.id for claim in CLAIMS}


def test_every_demonstration_shows_a_claim() -> None:
    assert set(DEMONSTRATIONS) == {claim.demonstration for claim in CLAIMS}


@each_claim
def test_its_status_is_what_the_versions_showed(claim: Claim) -> None:
    shown = show(claim, EVERY)
    by_version = {version: s.found for s in shown.seen for version in s.versions}
    later = claim.corrected_by
    corrected = {v for v in claim.versions if by_version[v] is Found.OTHERWISE}
    assert corrected == (set() if later is None else set(later.versions))
    claimed = {v for v, found in by_version.items() if found is Found.AS_CLAIMED}
    assert claimed == set(claim.versions) - corrected
    if corrected:
        assert shown.status is Status.CORRECTED
    else:
        assert (shown.status is Status.SHOWN) is (claimed == set(EVERY))


@each_claim
def test_its_rule_is_one_of_the_model(claim: Claim) -> None:
    for rule in claim.rule:
        if rule in Delays.__struct_fields__:
            continue
        module, _, name = rule.partition(".")
        found: object = importlib.import_module(f"evict.lab.model.{module}")
        for part in name.split("."):
            found = getattr(found, part)
        assert found is not None


def test_a_mark_is_the_numbers_own_where_a_number_is_all_there_is() -> None:
    for claim in CLAIMS:
        numbers = [getattr(delays(), r).mark for r in claim.rule if hasattr(delays(), r)]
        if len(numbers) == len(claim.rule):
            assert set(numbers) == {claim.mark}, claim.id


@pytest.mark.parametrize(
    ("name", "version", "status"),
    [
        ("token-fifteen-minutes", Version.V2010, Status.SHOWN),
        ("outlook-two-hours", Version.V2010, Status.BOUND),
        ("outlook-two-hours", Version.SE, Status.BOUND),
        ("outside-all-but-owa-and-activesync", Version.V2003, Status.SHOWN),
        ("outside-all-but-owa-and-activesync", Version.V2016, Status.CORRECTED),
        ("mailbox-made-again-2003", Version.V2003, Status.CORRECTED),
    ],
)
def test_one_version_alone(name: str, version: Version, status: Status) -> None:
    claim = next(claim for claim in CLAIMS if claim.id == name)
    assert show(claim, [version]).status is status
