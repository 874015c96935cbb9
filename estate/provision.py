# SPDX-License-Identifier: Apache-2.0
"""Makes an estate's state folder: keys, configuration files, the directory. Starts nothing."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterable
from typing import Final

from estate import certificates, directory
from estate import layout as at
from estate.commands import EstateError, run
from estate.files import render, write
from estate.layout import Layout
from estate.web import provision as web

_FOLDERS: Final = (
    # path below the state folder, owner, group, mode
    (".", "root", "root", 0o711),
    ("tls", "root", "root", 0o755),
    ("log", "root", "root", 0o755),
    ("run", "root", "root", 0o755),
    ("run/dovecot", "root", "root", 0o755),
    ("dovecot", "root", "root", 0o755),
    ("dovecot/replay", "dovecot", "dovecot", 0o700),
    ("dovecot/state", "root", "root", 0o755),
    ("mail", "evict-mail", "evict-mail", 0o700),
    ("postfix", "root", "root", 0o755),
    ("postfix/etc", "root", "root", 0o755),
    ("postfix/data", "postfix", "root", 0o700),
    ("postfix/spool", "root", "root", 0o755),
    # setgid: the agent's socket is Postfix's group without the agent being in it
    ("postfix/spool/evict", "evict-agent", "postfix", 0o2750),
    ("evict", "root", "root", 0o755),
    ("evict/ledger", "evict", "evict", 0o700),
    ("evict/keys", "evict", "evict", 0o700),
    ("evict/public", "evict", "evict", 0o755),
    ("evict/evidence", "evict", "evict", 0o755),
    ("evict/shared", "evict", "evict-agent", 0o750),
    ("evict/run", "root", "root", 0o755),
    ("evict/run/control", "evict", "evict", 0o700),
    # setgid: sockets that the other one of the two may reach
    ("evict/run/feed", "evict", "evict-agent", 0o2750),
    ("evict/run/agent", "evict-agent", "evict", 0o2750),
)


def provision(layout: Layout) -> None:
    """Make what is missing; an estate that was begun and not finished is begun anew.

    Raises:
        EstateError: not root, a package is missing, or a step failed.
    """
    require_root_and_users()
    if not layout.provisioned.exists():
        _provision(layout)
    if layout.web and not layout.web_provisioned.exists():
        web.require_users()
        _make_folders(layout, web.FOLDERS)
        web.make(layout)
        layout.web_provisioned.touch()


def _provision(layout: Layout) -> None:
    shutil.rmtree(layout.state, ignore_errors=True)
    _make_folders(layout, _FOLDERS)
    # so that `evict serve` may run the agent in its own process, too
    run("setfacl", "-m", "u:evict:rwx", layout.policy_socket.parent)
    certificates.make(layout)
    directory.make(layout)
    _write_configuration(layout)
    _write_secrets(layout)
    layout.provisioned.touch()


def _make_folders(layout: Layout, folders: Iterable[tuple[str, str, str, int]]) -> None:
    for name, owner, group, mode in folders:
        folder = layout.state / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.chown(folder, owner, group)
        folder.chmod(mode)


def require_root_and_users() -> None:
    """Raises `EstateError` with what is to be done."""
    if os.geteuid() != 0:
        raise EstateError("the estate needs root: its ports are below 1024")
    for user in ("postfix", "dovecot", "evict", "evict-agent", "evict-mail"):
        try:
            pwd.getpwnam(user)
        except KeyError:
            raise EstateError(f"no system user {user}; run tools/install-live") from None


def _write_configuration(layout: Layout) -> None:
    dovecot = layout.dovecot_conf.parent
    write(layout.dovecot_conf, render(layout, "dovecot.conf"), 0o644)
    write(dovecot / "secrets.conf", render(layout, "dovecot-secrets.conf"), 0o600)
    write(dovecot / "ldap.conf", render(layout, "dovecot-ldap.conf"), 0o600)
    master = f"{at.MASTER_USER}:{{PLAIN}}{at.MASTER_PASSWORD}\n"
    write(dovecot / "master-users", master, 0o640, "root", "dovecot")
    shutil.chown(layout.keytab, "root", "dovecot")
    layout.keytab.chmod(0o640)
    write(layout.postfix_etc / "main.cf", render(layout, "postfix-main.cf"), 0o644)
    write(layout.postfix_etc / "master.cf", render(layout, "postfix-master.cf"), 0o644)


def _write_secrets(layout: Layout) -> None:
    evict = layout.config.parent
    write(layout.config, render(layout, "evict.toml"), 0o644)
    for name, secret in (
        ("directory.password", at.EVICT_PASSWORD),
        ("master.password", at.MASTER_PASSWORD),
    ):
        write(evict / "keys" / name, secret + "\n", 0o600, "evict", "evict")
    for name, secret in (("doveadm.key", at.DOVEADM_KEY), ("policy.key", at.POLICY_KEY)):
        write(evict / "shared" / name, secret + "\n", 0o640, "evict", "evict-agent")
