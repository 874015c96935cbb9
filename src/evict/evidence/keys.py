# SPDX-License-Identifier: Apache-2.0
"""Makes and reads the keys: what signs evidence, and what the set passwords are derived from."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from evict.config.secrets import read_secret
from evict.core.errors import ConfigError, UsageError
from evict.evidence.dsse import key_id

PROBE_KEY_BYTES: Final = 32
_PRIVATE: Final = 0o600
_PUBLIC: Final = 0o644
_MAX_PUBLIC_BYTES: Final = 16 * 1024


class KeyFiles(Struct, frozen=True, kw_only=True):
    """Where `make_keys` put them, and the id of the signing key."""

    probe_key: Path
    private_key: Path
    public_key: Path
    key_id: str


def make_keys(folder: Path) -> KeyFiles:
    """Make all three keys in a folder, or none.

    Raises:
        UsageError: one of them is there already: a key is never overwritten, since what it signed
            or derived would be lost.
        ConfigError: the folder cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    files = KeyFiles(
        probe_key=folder / "probe.key",
        private_key=folder / "evidence.key",
        public_key=folder / "evidence.pub",
        key_id=key_id(key.public_key()),
    )
    for path in (files.probe_key, files.private_key, files.public_key):
        if os.path.lexists(path):
            raise UsageError(f"{path} is there already; a key is never overwritten")
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        write_new(files.probe_key, _new_probe_key(), _PRIVATE)
        write_new(files.private_key, private_pem(key), _PRIVATE)
        write_new(files.public_key, public_pem(key.public_key()), _PUBLIC)
    except OSError as error:
        raise ConfigError(f"{folder}: the keys cannot be written: {error.strerror}") from error
    return files


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Create a file that must not be there, with its mode from the start, down to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """PKCS #8 (RFC 8410 section 7), not encrypted: the file's mode and place protect it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(key: Ed25519PublicKey) -> bytes:
    """SubjectPublicKeyInfo (RFC 8410 section 4)."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read the key that signs; absolute path or a systemd credential. Raises `ConfigError`."""
    pem = read_secret(path).reveal().encode()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: not an unencrypted PKCS #8 private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: the key is not an Ed25519 key")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read the key that verifies. Raises `ConfigError`."""
    try:
        with path.open("rb") as stream:
            pem = stream.read(_MAX_PUBLIC_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: the public key cannot be read: {error.strerror}") from error
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: the key is not an Ed25519 key")
    return key


def load_probe_key(path: Path) -> bytes:
    """Read the 32 bytes that passwords are derived from. Raises `ConfigError`."""
    try:
        raw = base64.b64decode(read_secret(path).reveal(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != PROBE_KEY_BYTES:
        raise ConfigError(f"{path}: not a probe key: 32 bytes in base64 were expected")
    return raw


def _new_probe_key() -> bytes:
    return base64.b64encode(secrets.token_bytes(PROBE_KEY_BYTES)) + b"\n"
