# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from evict.core.errors import ConfigError
from tests.unit.config.test_load import DIRECTORY, loaded, refusal

OPENLDAP = DIRECTORY.replace("svc@corp.test", "cn=svc,dc=corp") + 'product = "openldap"\n'


@pytest.mark.parametrize(
    ("section", "what"),
    [
        (
            '[watch]\nrecognise = ["disabled"]\nleavers_units = ["OU=Leavers,DC=corp"]\n',
            'watch.recognise: leavers_units or leavers_groups is set: expected "moved"',
        ),
        ('[watch]\nleavers_units = ["Leavers"]\n', "watch.leavers_units"),
        ('[watch]\nleavers_groups = ["Leavers"]\n', "watch.leavers_groups"),
        ("[guard]\nan_hour = 50\n", "guard.all_sources_an_hour: expected at least an_hour, 50"),
        ("[guard]\na_minute = 30\n", "guard.a_minute: expected at most an_hour, 20"),
        ('[watch]\nrecognise = ["fired"]\n', "watch.recognise"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, section: str, what: str) -> None:
    assert what in refusal(tmp_path, DIRECTORY + section)


def test_a_leavers_unit_needs_no_other_setting(tmp_path: Path) -> None:
    config = loaded(tmp_path, DIRECTORY + '[watch]\nleavers_units = ["OU=L,DC=corp"]\n')
    assert "moved" in config.watch.recognise
    with pytest.raises(ConfigError):
        loaded(tmp_path, DIRECTORY + '[watch]\nleavers_unit = ["OU=L,DC=corp"]\n')


def test_a_leavers_unit_outside_of_an_openldap_base_would_never_be_seen(tmp_path: Path) -> None:
    def text(unit: str) -> str:
        return f'{OPENLDAP}[watch]\nleavers_units = ["{unit}"]\n'

    inside = "ou=Left, DC=corp,DC=test"
    assert loaded(tmp_path, text(inside)).watch.leavers_units == (inside,)
    assert "watch.leavers_units" in refusal(tmp_path, text("ou=Left,DC=other"))
