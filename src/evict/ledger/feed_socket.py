# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Final

from evict.core.errors import ConfigError

SOCKET_MODE: Final = 0o660


def listen(path: Path, group: str | None) -> socket.socket:
    """Bind with nobody allowed in, set who may, and only then listen."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            sock.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)  # left by a process that was killed
        else:
            raise ConfigError(f"another process serves the feed at {path}")
        sock.close()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
        if group is not None:
            shutil.chown(path, group=group)
        path.chmod(SOCKET_MODE)
    except BaseException:
        sock.close()
        raise
    return sock
