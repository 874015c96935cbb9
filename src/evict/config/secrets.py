# SPDX-License-Identifier: Apache-2.0
"""Reads secrets from files, or from systemd's credentials where only a name is given."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from evict.core.errors import ConfigError
from evict.core.secret import Secret

MAX_BYTES: Final = 64 * 1024
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH | stat.S_IXOTH


def read_secret(path: Path, environ: Mapping[str, str] = os.environ) -> Secret:
    """Read one secret without its last line feed.

    Args:
        path: absolute; or the bare name of a credential, looked for in $CREDENTIALS_DIRECTORY.

    Raises:
        ConfigError: not there, not readable, empty, too large, not UTF-8, or open to every user
            of the host. Its text holds nothing of what was read.

    Spec: systemd.exec(5), LoadCredential= (credentials are files in $CREDENTIALS_DIRECTORY).
    """
    file = locate(path, environ)
    raw = _read(file)
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{file}: larger than {MAX_BYTES} bytes: this is no secret")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: the secret is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ConfigError(f"{file}: the file is empty, a secret was expected")
    return Secret(text)


def locate(path: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where a secret's file is. Raises `ConfigError` where systemd gave no credentials."""
    if path.is_absolute():
        return path
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if len(path.parts) != 1 or ".." in path.parts:
        raise ConfigError(f"{path}: neither an absolute path nor the bare name of a credential")
    if not folder:
        raise ConfigError(
            f"{path}: a bare name is a systemd credential, and $CREDENTIALS_DIRECTORY is not set;"
            " give an absolute path or LoadCredential= in the unit"
        )
    return Path(folder) / path


def _read(file: Path) -> bytes:
    try:
        # Not to wait for a writer where the file is a pipe.
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{file}: a secret is read from a regular file only")
            if mode & _OTHERS:
                raise ConfigError(
                    f"{file}: every user of this host may use it (mode {stat.S_IMODE(mode):04o});"
                    f" run: chmod o= {file}"
                )
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{file}: the secret cannot be read: {error.strerror}") from error
