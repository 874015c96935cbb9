# SPDX-License-Identifier: Apache-2.0
"""Makes what the web doors need: settings, a database cluster, a certificate with its key."""

from __future__ import annotations

import pwd
import re
import shutil
from pathlib import Path
from typing import Final

from estate import layout as at
from estate.commands import EstateError, run
from estate.files import render, write
from estate.layout import Layout
from estate.web import fronts

FOLDERS: Final = (
    # as in estate.provision
    ("log/roundcube", "www-data", "www-data", 0o700),
    ("log/sogo", "sogo", "sogo", 0o755),
    ("log/sql", "postgres", "postgres", 0o755),
    ("run/haproxy", "root", "root", 0o755),
    ("run/memcached", "memcache", "memcache", 0o755),
    ("run/sogo", "sogo", "sogo", 0o755),
    ("run/sql", "postgres", "postgres", 0o755),
    ("sogo", "root", "sogo", 0o750),
    ("roundcube", "root", "root", 0o755),
    ("roundcube/config", "root", "root", 0o755),
    ("roundcube/temp", "www-data", "www-data", 0o700),
    ("sql", "postgres", "postgres", 0o700),
    ("haproxy", "root", "root", 0o755),
    # HAProxy reads them as root before it becomes its own user
    ("haproxy/maps", "evict-agent", "evict-agent", 0o755),
    ("nginx", "root", "root", 0o755),
    ("evict/agent-state", "evict-agent", "evict-agent", 0o700),
)
POSTGRES: Final = Path("/usr/lib/postgresql/15/bin")
_ROUNDCUBE_TABLES: Final = Path("/usr/share/roundcube/SQL/postgres.initial.sql")
_LOGINS: Final = """\
local all postgres peer
host all all 127.0.0.0/8 scram-sha-256
"""


def require_users() -> None:
    """Raises `EstateError` with what is to be done."""
    for user in ("sogo", "postgres", "memcache", "haproxy", "www-data"):
        try:
            pwd.getpwnam(user)
        except KeyError:
            raise EstateError(f"no system user {user}; run tools/install-live") from None


def make(layout: Layout) -> None:
    """Make everything that the servers of the web doors need; starts nothing."""
    plain = render(layout, "evict.toml")
    write(layout.config, plain + render(layout, "web/evict.toml"), 0o644)
    _sogo(layout)
    _roundcube(layout)
    write(layout.dovecot_conf.parent / "web.conf", render(layout, "web/dovecot.conf"), 0o644)
    write(layout.state / "nginx" / "web.conf", render(layout, "web/nginx-web.conf"), 0o644)
    tls = layout.state / "tls"
    both = (tls / "estate.pem").read_text() + (tls / "estate.key").read_text()
    write(tls / "front.pem", both, 0o600)
    fronts.write_parts(layout, fronts.PLAIN)
    keys = layout.config.parent / "keys"
    for role in at.SQL_ROLES:
        write(keys / f"{role}.dsn", layout.dsn(role) + "\n", 0o600, "evict", "evict")
    _sql(layout)


def as_postgres(*command: str | Path, stdin: str | None = None) -> str:
    """Run as the database's own user, which refuses to be root."""
    drop = ("setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups")
    return run(*drop, "env", "-C", "/", "HOME=/", *command, stdin=stdin)


def _sogo(layout: Layout) -> None:
    write(
        layout.state / "sogo" / "sogo.conf", render(layout, "web/sogo.conf"), 0o640, "root", "sogo"
    )
    # `evict doctor` and `evict exposure` read it
    run("setfacl", "-m", "u:evict:x", layout.state / "sogo")
    run("setfacl", "-m", "u:evict:r", layout.state / "sogo" / "sogo.conf")
    write(layout.sogo_do, render(layout, "web/sogo-do"), 0o755)


def _roundcube(layout: Layout) -> None:
    """Debian's copies of the defaults are wanted beside the settings."""
    config = layout.state / "roundcube" / "config"
    text = render(layout, "web/roundcube.php")
    write(config / "config.inc.php", text, 0o640, "root", "www-data")
    for name in ("defaults.inc.php", "mimetypes.php"):
        shutil.copyfile(Path("/etc/roundcube") / name, config / name)
    write(layout.state / "roundcube" / "php-fpm.conf", render(layout, "web/php-fpm.conf"), 0o644)


def _sql(layout: Layout) -> None:
    """A cluster with one role and one database each; in single-user mode, so no server runs."""
    shutil.rmtree(layout.sql, ignore_errors=True)
    as_postgres(
        *(POSTGRES / "initdb", "-D", layout.sql, "-U", "postgres", "-A", "trust"),
        *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
    )
    write(layout.sql / "pg_hba.conf", _LOGINS, 0o600, "postgres", "postgres")
    settings = (
        f"listen_addresses = '{layout.ip}'\n"
        f"unix_socket_directories = '{layout.state / 'run' / 'sql'}'\n"
        "fsync = off\n"
        "shared_buffers = 32MB\n"
        "max_connections = 200\n"
    )
    write(layout.sql / "postgresql.auto.conf", settings, 0o600, "postgres", "postgres")
    for role, password in at.SQL_ROLES.items():
        _single(layout, "postgres", f"create role {role} login password '{password}'")
        _single(layout, "postgres", f"create database {role} owner {role}")
    tables = re.sub(r"--[^\n]*", "", _ROUNDCUBE_TABLES.read_text())
    statements = [" ".join(each.split()) for each in tables.split(";") if each.strip()]
    _single(layout, "roundcube", "set session authorization roundcube", *statements)


def _single(layout: Layout, database: str, *statements: str) -> None:
    """One statement a line (postgres(1), single-user mode)."""
    lines = "".join(f"{each}\n" for each in statements)
    said = as_postgres(POSTGRES / "postgres", "--single", "-D", layout.sql, database, stdin=lines)
    if "ERROR:" in said:
        raise EstateError(f"the database {database} is not made:\n{said[-1000:]}")
