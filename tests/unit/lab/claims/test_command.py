# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math

import pytest

from evict.cli.lab.claims import claims
from evict.core.errors import ExitCode, UsageError
from evict.lab.claims.catalogue import catalogue
from evict.lab.model.store import Store


def test_the_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert claims() is ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Modelled:")
    assert lines[-1].startswith(f"{len(catalogue().claims)} claims: ")
    assert lines[-1].endswith("0 not shown")
    for claim in catalogue().claims:
        assert any(line.startswith(f"{claim.id}: ") for line in lines)
    long = [line for line in lines if len(line) > 100]
    assert all("https://" in line.split()[0] for line in long)


def test_one_claim_on_one_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert claims(version="se", claim="outlook-two-hours") is ExitCode.OK
    out = capsys.readouterr().out
    assert "outlook-two-hours: bound to a version" in out
    assert "holds for 2003-2010" in out
    assert "seen      SE: an open Outlook was still in 24 h after" in out
    assert out.endswith(
        "1 claim: 0 shown, 1 bound to a version, 0 corrected by a later source, 0 not shown\n"
    )


def test_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert claims(claim="mailbox-made-again-2003", json=True) is ExitCode.OK
    data = json.loads(capsys.readouterr().out)
    assert data["modelled"] is True
    assert data["counts"]["corrected by a later source"] == 1
    (entry,) = data["claims"]
    assert entry["status"] == "corrected by a later source"
    assert entry["versions"] == ["2003"]
    assert entry["corrected_by"]["source"]["name"] == "KB 319047"
    assert entry["seen"][0]["versions"][0] == "2003"
    assert "the same mailbox" in entry["seen"][0]["text"]


def test_a_claim_that_is_not_shown_is_an_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "recheck_s", lambda *_: math.inf)
    assert claims(claim="outlook-two-hours") is ExitCode.FAILED
    assert "outlook-two-hours: not shown" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "claim", "nearest"),
    [
        ("2014", None, "2013"),
        ("2011", None, "2010"),
        ("SE2", None, "SE"),
        (None, "token-hour", "token-hours"),
    ],
)
def test_an_unknown_name_gets_the_nearest(
    version: str | None, claim: str | None, nearest: str
) -> None:
    with pytest.raises(UsageError, match=f"the nearest is '{nearest}'$"):
        claims(version=version, claim=claim)
