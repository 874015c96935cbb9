# SPDX-License-Identifier: Apache-2.0
"""Evict's own configuration for the organisation, and the files it names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evict.lab.estate.layout import (
    BASE_DN,
    DIRECTORY_NAME,
    DOMAIN,
    FRONT_NAME,
    HTTPS_PORT,
    IMAP_PORT,
    LDAPS_PORT,
    POP3_PORT,
    SERVICE_ACCOUNT,
    SHELL_PORT,
    SUBMISSION_PORT,
    Layout,
)

HOOK_PORT: Final = 4003
LOGIN_PORT: Final = 4004


def write_settings(layout: Layout, version: str, service_password: str, *, hook: bool) -> Path:
    """`evict.toml`, its folders and the password file; the keys are `evict key init`'s."""
    folder = layout.folder
    (folder / "evidence").mkdir(exist_ok=True)
    password = folder / "service.password"
    password.touch(mode=0o600)
    password.write_text(service_password)
    parts = [_own(folder), _directory(layout, password), _exchange(layout, version, password)]
    if hook:
        parts.append(_hook(layout, version))
    layout.config.write_text("\n".join(parts))
    return layout.config


def _own(folder: Path) -> str:
    return f"""\
# Evict on the embedded organisation. Written by `evict lab`.
[ledger]
path = "{folder}/ledger.db"

[control]
socket = "{folder}/control.sock"
feed = "{folder}/feed.sock"

# Wide, and names may come again: everybody leaves here, again and again.
[guard]
an_hour = 100000
a_minute = 100000
all_sources_an_hour = 100000
singles_an_hour = 100000
name_reuse_days = 0

[keys]
probe_key_file = "{folder}/keys/probe.key"
signing_key_file = "{folder}/keys/evidence.key"
public_key_file = "{folder}/keys/evidence.pub"

[evidence]
folder = "{folder}/evidence"
"""


def _directory(layout: Layout, password: Path) -> str:
    return f"""\
[directory]
servers = ["{layout.directory}:{LDAPS_PORT}"]
server_name = "{DIRECTORY_NAME}"
base_dn = "{BASE_DN}"
bind_user = "{SERVICE_ACCOUNT}@{DOMAIN}"
password_file = "{password}"
ca_file = "{layout.ca_file}"
"""


def _exchange(layout: Layout, version: str, password: Path) -> str:
    first = layout.servers[0]
    servers = "\n".join(_server(layout, name) for name in layout.servers)
    return f"""\
[[exchange]]
version = "{version}"
shell_url = "https://{layout.server(first)}:{HTTPS_PORT}/PowerShell"
bind_user = "{SERVICE_ACCOUNT}@{DOMAIN}"
password_file = "{password}"
authentication = "basic"
ca_file = "{layout.ca_file}"
server_name = "{FRONT_NAME}"

[exchange.front]
host = "{layout.address}"
port = {HTTPS_PORT}

{servers}"""


def _server(layout: Layout, name: str) -> str:
    host = layout.server(name)
    return f"""\
[[exchange.servers]]
name = "{name}"
host = "{host}"
shell_url = "https://{host}:{SHELL_PORT}/wsman"
https_port = {HTTPS_PORT}
imap_port = {IMAP_PORT}
pop3_port = {POP3_PORT}
submission_port = {SUBMISSION_PORT}
"""


def cookie_of(version: str) -> str:
    """The cookie that signs in: before 2013 it names a session of the server's (assumed)."""
    return "sessionid" if version == "2010" else "cadata"


def _hook(layout: Layout, version: str) -> str:
    upstream = layout.server(layout.servers[0])
    return f"""\
[exchange.hook]
listen = "{layout.hook}:{HOOK_PORT}"
login_listen = "{layout.hook}:{LOGIN_PORT}"
login_upstream = "https://{upstream}:{HTTPS_PORT}"
cookie = "{cookie_of(version)}"
ca_file = "{layout.ca_file}"
server_name = "{FRONT_NAME}"
runtime = "{layout.runtime}"
"""
