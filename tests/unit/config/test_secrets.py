# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import pytest

from evict.config.secrets import MAX_BYTES, read_secret
from evict.core.errors import ConfigError


def file_with(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "some.secret"
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"pa ss\n", "pa ss"), (b"x\r\n", "x"), (b" x \n\n", " x \n"), ("ü".encode(), "ü")],
)
def test_the_last_line_feed_is_not_part_of_the_secret(
    tmp_path: Path, content: bytes, value: str
) -> None:
    assert read_secret(file_with(tmp_path, content)).reveal() == value


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o644, 0o666])
def test_a_secret_open_to_every_user_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = file_with(tmp_path, b"canary-9", mode)
    with pytest.raises(ConfigError, match="chmod o=") as caught:
        read_secret(file)
    assert "canary-9" not in repr(caught.value)


def test_a_secret_open_to_its_group_is_read(tmp_path: Path) -> None:
    assert read_secret(file_with(tmp_path, b"x", 0o640)).reveal() == "x"


def test_a_bare_name_is_read_from_systemds_credentials(tmp_path: Path) -> None:
    file_with(tmp_path, b"from systemd\n", 0o400)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_secret(Path("some.secret"), environ).reveal() == "from systemd"


@pytest.mark.parametrize("name", ["../some.secret", "a/b", ".."])
def test_a_credentials_name_does_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="bare name"):
        read_secret(Path(name), {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_bare_name_without_systemd_says_so() -> None:
    with pytest.raises(ConfigError, match="LoadCredential="):
        read_secret(Path("some.secret"), {})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"canary\xff", "not UTF-8"),
        (b"canary" * MAX_BYTES, "larger than"),
    ],
    ids=["empty", "line-feed", "bytes", "large"],
)
def test_what_is_no_secret_is_refused_without_showing_it(
    tmp_path: Path, content: bytes, text: str
) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        read_secret(file_with(tmp_path, content))
    assert "canary" not in repr(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_no_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="regular file"):
        read_secret(tmp_path / "pipe")
