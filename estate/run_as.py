# SPDX-License-Identifier: Apache-2.0
"""Runs the product as its own users, wherever the checkout and its Python lie.

On a developer's machine they often lie below /root, which nobody else may enter. Then the process
gets a mount namespace of its own in which the folders on the way are replaced by empty, readable
ones that hold nothing but what is needed: the users' rights stay what they are in production.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from estate.commands import EstateError

REPOSITORY: Final = Path(__file__).resolve().parent.parent
EVICT: Final = (str(REPOSITORY / ".venv" / "bin" / "python"), "-m", "evict")
"""The command; the interpreter is named so that no script's first line has to be executable."""


def start_as(
    user: str, command: Sequence[str], *, log: Path, env: Mapping[str, str], nice: int = 0
) -> subprocess.Popen[bytes]:
    """Start a process as this user, its output in `log`; the process id is the command's own."""
    with log.open("ab") as sink:
        return subprocess.Popen(
            ["nice", "-n", str(nice), *as_user(user, command)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=_environment(env),
            cwd="/",
            start_new_session=True,
        )


def run_as(
    user: str, command: Sequence[str], *, env: Mapping[str, str], timeout_s: float = 60.0
) -> str:
    """Run a command as this user to its end; what it printed. Raises `EstateError`."""
    done = subprocess.run(
        as_user(user, command),
        capture_output=True,
        text=True,
        check=False,
        env=_environment(env),
        cwd="/",
        timeout=timeout_s,
    )
    if done.returncode:
        raise EstateError(f"{shlex.join(command)} as {user}: {done.stderr or done.stdout}")
    return done.stdout


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **extra}


def as_user(user: str, command: Sequence[str]) -> list[str]:
    """The command that runs `command` as this user."""
    drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command]
    hidden = _hidden_folders()
    if not hidden:
        return drop
    return [
        "unshare",
        "--mount",
        "--propagation=private",
        "sh",
        "-euc",
        _script(hidden),
        "sh",
        *drop,
    ]


def _needed() -> list[Path]:
    """What the product must be able to read: this checkout, and the interpreter behind .venv."""
    return [REPOSITORY, Path(sys.base_prefix).resolve()]


def _hidden_folders() -> dict[Path, list[Path]]:
    """Topmost folder that others may not enter -> what is needed below it."""
    hidden: dict[Path, list[Path]] = {}
    for needed in _needed():
        for folder in reversed(needed.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                hidden.setdefault(folder, []).append(needed)
                break
    return hidden


def _script(hidden: Mapping[Path, Sequence[Path]]) -> str:
    """Binds what is needed aside, covers the hidden folder, and binds it back in its place."""
    lines = ["aside=/mnt", "mount -t tmpfs -o mode=755 tmpfs $aside"]
    number = 0
    for folder, needed in hidden.items():
        binds = []
        for path in needed:
            number += 1
            lines += [
                f"mkdir $aside/{number}",
                f"mount --bind {shlex.quote(str(path))} $aside/{number}",
            ]
            binds += [
                f"mkdir -p {shlex.quote(str(path))}",
                f"mount --bind $aside/{number} {shlex.quote(str(path))}",
            ]
        lines += [f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(folder))}", *binds]
    lines.append('exec "$@"')
    return "\n".join(lines)


def environment(config: Path) -> dict[str, str]:
    """What the product is told by its environment: its configuration, and nothing to write."""
    return {"EVICT_CONFIG": os.fspath(config), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"}
