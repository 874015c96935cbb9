# SPDX-License-Identifier: Apache-2.0
"""`evict notify test` and what `evict status` says of notices, as a person reads it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from evict.cli.look import undelivered
from evict.evidence.keys import make_keys
from tests.contract.fakes import Authority
from tests.fault.control.notices.receivers import smtp

HOST = "127.167.4.1"
_SETTINGS: Final = """
[ledger]
path = "{folder}/ledger.db"

[audit]
file = "{folder}/audit.jsonl"

[control]
socket = "{folder}/control.sock"

[keys]
probe_key_file = "{keys}/probe.key"

[evidence]
folder = "{folder}"

[directory]
servers = ["{host}:6636"]
base_dn = "DC=corp,DC=test"
bind_user = "svc@corp.test"
password_file = "{folder}/directory.password"
ca_file = "{folder}/ca.pem"
"""
_MAIL: Final = """
[notify.mail]
server = "{host}:{port}"
security = "implicit"
sender = "evict@corp.test"
recipients = ["soc@corp.test"]
ca_file = "{folder}/ca.pem"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def settings(folder: Path, more: str = "") -> Path:
    make_keys(folder / "keys")
    (folder / "directory.password").write_text("secret")
    (folder / "directory.password").chmod(0o600)
    file = folder / "evict.toml"
    file.write_text(_SETTINGS.format(folder=folder, keys=folder / "keys", host=HOST) + more)
    return file


def evict(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evict", *arguments, "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_says_what_came_of_each_way(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    port = free_port()
    file = settings(tmp_path, _MAIL.format(host=HOST, port=port, folder=tmp_path))
    with smtp(HOST, port, authority.context(HOST), "implicit") as box:
        done = evict(file, "notify", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mail: taken by the receiver after ")
    (mail,) = box.mails
    assert mail["Subject"] == "[evict] alarm: this is a test"
    done = evict(file, "notify", "test", "--json")
    assert done.returncode == 1
    (way,) = json.loads(done.stdout)["ways"]
    assert not way["delivered"]
    assert "no connection" in way["text"]


def test_nobody_to_tell_is_said(tmp_path: Path) -> None:
    Authority(tmp_path)
    done = evict(settings(tmp_path), "notify", "test")
    assert done.returncode == 2
    assert "nobody is to be told: set [notify.mail] or [notify.webhook]" in done.stderr
    done = evict(tmp_path / "evict.toml", "notify", "test", "webhook")
    assert "nobody is to be told: set [notify.webhook]" in done.stderr


def test_status_tells_what_waits_and_what_was_lost() -> None:
    way = {
        "way": "mail",
        "waiting": 0,
        "oldest": None,
        "trouble": "",
        "lost": 0,
        "lost_why": "",
    }
    assert undelivered(way) == ""
    assert undelivered(way | {"waiting": 1, "oldest": "2026-11-24"}) == ""
    waits = way | {"waiting": 2, "oldest": "2026-11-24", "trouble": "no connection"}
    assert undelivered(waits) == ("notices by mail: 2 waiting since 2026-11-24: no connection")
    lost = waits | {"lost": 3, "lost_why": "answered 500"}
    assert undelivered(lost).endswith("; 3 could not be delivered: answered 500")
