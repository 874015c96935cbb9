# SPDX-License-Identifier: Apache-2.0
"""Runs a command as a unit's sandbox would, as far as that needs no systemd.

No capabilities, no new privileges, no memory that is written and executed, of system calls only
those that `SystemCallFilter=` leaves, and every file system read-only but for one folder. What
`ProtectHome=` and its like would hide is not hidden.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 24, 38, 65
_CAPABILITIES = 41
_NEW_MOUNTS = 0x00020000
_BIND, _PRIVATE, _READ_ONLY = 0x1000, 0x44000, 0x1021
"""CLONE_NEWNS; MS_BIND, MS_REC and MS_PRIVATE, MS_REMOUNT of a bind mount with MS_RDONLY."""
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
"""SCMP_ACT_ALLOW and SCMP_ACT_ERRNO(EPERM) of libseccomp."""


def calls_left(unit: Path) -> set[str]:
    """The system calls that the unit's filter lines leave, one line after the other."""
    left: set[str] = set()
    for line in unit.read_text().splitlines():
        name, _, value = line.partition("=")
        if name != "SystemCallFilter":
            continue
        calls = set().union(*(group(word) for word in value.removeprefix("~").split()))
        left = left - calls if value.startswith("~") else left | calls
    return left


def group(name: str) -> set[str]:
    """The calls of one of systemd's groups, those of the groups in it included."""
    if not name.startswith("@"):
        return {name}
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[1:]
    words = [line.strip() for line in told if line.strip() and not line.strip().startswith("#")]
    return set().union(*(group(word) for word in words))


def read_only(writable: Path) -> None:
    """As `ProtectSystem=strict`, with `ReadWritePaths=` of one folder."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: bytes | None, target: bytes, flags: int) -> None:
        if libc.mount(source, target, None, ctypes.c_ulong(flags), None) != 0:
            raise OSError(ctypes.get_errno(), f"mount {target!r}")

    if libc.unshare(_NEW_MOUNTS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount(None, b"/", _PRIVATE)
    mount(bytes(writable), bytes(writable), _BIND)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where = line.split(" ")[1]
        if where != str(writable) and not where.startswith(("/proc", "/sys", "/dev")):
            mount(None, where.encode(), _READ_ONLY)


def shut_in(calls: set[str]) -> None:
    """This process, for good; the capabilities go with the next `exec`."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    for option in (_PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE):
        if libc.prctl(option, 1, 0, 0, 0) != 0 and option != _PR_SET_MDWE:  # Linux 6.3
            raise OSError(ctypes.get_errno(), f"prctl {option}")
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    seccomp.seccomp_rule_add.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint)
    ]
    seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
    filtering = seccomp.seccomp_init(_EPERM)
    for call in sorted(calls):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(filtering, _ALLOW, number, 0)
    if seccomp.seccomp_load(filtering) != 0:
        raise OSError("the filter cannot be loaded")


if __name__ == "__main__":
    unit, folder, *command = sys.argv[1:]
    left = calls_left(Path(unit))
    read_only(Path(folder))
    shut_in(left)
    os.execv(command[0], command)  # noqa: S606 - a list of arguments
