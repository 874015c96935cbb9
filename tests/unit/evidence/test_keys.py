# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from evict.core.errors import ConfigError, UsageError
from evict.evidence.keys import (
    load_private_key,
    load_probe_key,
    load_public_key,
    make_keys,
    write_new,
)


def test_made_keys_are_read_again_and_belong_together(tmp_path: Path) -> None:
    files = make_keys(tmp_path / "new")
    public = load_public_key(files.public_key)
    public.verify(load_private_key(files.private_key).sign(b"x"), b"x")
    assert len(load_probe_key(files.probe_key)) == 32
    assert files.key_id == hashlib.sha256(public.public_bytes_raw()).hexdigest()


def test_private_files_are_closed_to_everybody_else_whatever_the_umask(tmp_path: Path) -> None:
    files = make_keys(tmp_path)
    modes = [p.stat().st_mode & 0o777 for p in (files.probe_key, files.private_key)]
    assert modes == [0o600, 0o600]
    assert files.public_key.stat().st_mode & 0o777 == 0o644


def test_openssl_reads_the_keys_as_ed25519(tmp_path: Path) -> None:
    files = make_keys(tmp_path)
    command = ["openssl", "pkey", "-in", str(files.private_key), "-noout", "-text"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ED25519 Private-Key" in said.stdout


@pytest.mark.parametrize("name", ["probe.key", "evidence.key", "evidence.pub"])
def test_no_key_is_overwritten_and_none_is_made_beside_an_old_one(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(UsageError, match="never overwritten"):
        make_keys(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_a_link_is_not_followed_when_a_key_is_written(tmp_path: Path) -> None:
    (tmp_path / "probe.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        make_keys(tmp_path)
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "probe.key", b"x", 0o600)


@pytest.mark.parametrize("content", ["", "nonsense", "AAAA", "ä"])
def test_what_is_no_key_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    file = tmp_path / "some.key"
    file.write_text(content)
    file.chmod(0o600)
    for load in (load_private_key, load_public_key, load_probe_key):
        with pytest.raises(ConfigError, match=r"some\.key"):
            load(file)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    private, public = tmp_path / "a.key", tmp_path / "a.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    private.chmod(0o600)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        load_private_key(private)
    with pytest.raises(ConfigError, match="not an Ed25519 key"):
        load_public_key(public)


def test_a_private_key_that_every_user_may_read_is_refused(tmp_path: Path) -> None:
    files = make_keys(tmp_path)
    files.private_key.chmod(0o644)
    with pytest.raises(ConfigError, match="every user"):
        load_private_key(files.private_key)
