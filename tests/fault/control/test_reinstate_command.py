# SPDX-License-Identifier: Apache-2.0
"""`evict reinstate` as a shell sees it: what would be put back, and where the password goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evict.config.guard import GuardSection
from tests.fault.control.test_guard_commands import serving
from tests.fault.control.town import NAME, UPN, Town, town

HOST = "127.63.7.2"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path, HOST) as made:
        yield made


async def test_a_dry_run_is_a_list_for_people_and_an_object_as_json(
    place: Town, tmp_path: Path
) -> None:
    async with serving(place, tmp_path, GuardSection()) as evict:
        await evict("revoke", NAME)
        kept = tmp_path / "fresh"
        shown = await evict("reinstate", NAME, "--dry-run", "--password-file", str(kept))
        assert (shown.code, shown.err) == (0, "Nothing was written.\n")
        assert shown.out.startswith(f"{UPN}  ")
        assert "directory:disable" in shown.out
        assert "userAccountControl" in shown.out
        assert "  now: directory: disabled" in shown.out
        with pytest.raises(json.JSONDecodeError):
            json.loads(shown.out)
        as_data = await evict("reinstate", NAME, "--dry-run", "--json")
        assert (as_data.data["written"], kept.exists()) == (False, False)


async def test_the_password_goes_into_the_file_that_is_named(place: Town, tmp_path: Path) -> None:
    kept = tmp_path / "fresh password"
    async with serving(place, tmp_path, GuardSection()) as evict:
        await evict("revoke", NAME)
        done = await evict("reinstate", NAME, "--password-file", str(kept))
    assert (done.code, done.out) == (0, "")
    assert f"fresh password written to {kept}\n" in done.err
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().startswith("Ev1-")
    assert kept.read_text().strip() not in done.err
    # There is no entry yet from which these lines could count.
    assert "directory:disable done" in done.err
    assert " ms " not in done.err


async def test_where_no_password_came_the_same_command_can_be_given_again(
    place: Town, tmp_path: Path
) -> None:
    kept = tmp_path / "fresh"
    async with serving(place, tmp_path, GuardSection(approvers=2)) as evict:
        early = await evict("reinstate", NAME, "--password-file", str(kept))
        assert (early.code, kept.exists()) == (2, False)
        await evict("revoke", NAME)
        for _ in range(2):
            held = await evict("reinstate", NAME, "--password-file", str(kept))
            assert (held.code, kept.exists()) == (5, False)


async def test_a_file_that_is_there_is_left_as_it_is(place: Town, tmp_path: Path) -> None:
    kept = tmp_path / "fresh"
    kept.write_text("")
    async with serving(place, tmp_path, GuardSection()) as evict:
        await evict("revoke", NAME)
        refused = await evict("reinstate", NAME, "--password-file", str(kept))
    assert (refused.code, kept.exists()) == (2, True)
    assert "name a new file for the password [usage]" in refused.err
