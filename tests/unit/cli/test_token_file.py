# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from evict.cli.token_file import VARIABLE, taken_out, token
from evict.core.errors import ConfigError, UsageError


@pytest.mark.parametrize(
    ("arguments", "left", "file"),
    [
        (["status"], ["status"], None),
        (["--token-file", "/t", "status"], ["status"], "/t"),
        (["status", "--token-file=/t", "--json"], ["status", "--json"], "/t"),
        (["revoke", "--", "--token-file", "/t"], ["revoke", "--", "--token-file", "/t"], None),
    ],
)
def test_the_option_goes_to_the_environment(
    arguments: list[str], left: list[str], file: str | None
) -> None:
    environ: dict[str, str] = {}
    assert taken_out(arguments, environ) == left
    assert environ.get(VARIABLE) == file


@pytest.mark.parametrize("arguments", [["status", "--token-file"], ["--token-file="]])
def test_a_file_must_be_named(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        taken_out(arguments, {})


def test_a_token_that_others_may_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("evict_abc\n")
    monkeypatch.setenv(VARIABLE, str(file))
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="every user"):
        token()
    file.chmod(0o600)
    found = token()
    assert found is not None
    assert found.reveal() == "evict_abc"
    monkeypatch.delenv(VARIABLE)
    assert token() is None
