# SPDX-License-Identifier: Apache-2.0
"""`evict serve` over Debian's slapd: ordered by hand, seen in the directory, opened by somebody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.live.slapd_rig import (
    EVICT,
    EVICT_PASSWORD,
    LDAPS_PORT,
    LOCKED,
    SUFFIX,
    Slapd,
    needs_slapd,
    slapd,
)

pytestmark = needs_slapd

_SETTINGS: Final = """
[ledger]
path = "{folder}/ledger.db"
[control]
socket = "{folder}/control.sock"
feed = "{folder}/feed.sock"
[keys]
probe_key_file = "{folder}/probe.key"
signing_key_file = "{folder}/evidence.key"
public_key_file = "{folder}/evidence.pub"
[evidence]
folder = "{folder}/evidence"
[audit]
file = "{folder}/audit.jsonl"
[watch]
enabled = true
[directory]
product = "openldap"
name = "corp"
servers = ["{host}:{port}"]
base_dn = "{suffix}"
bind_user = "{evict}"
password_file = "{folder}/directory.password"
ca_file = "{ca}"
"""


class Product:
    """Evict beside one slapd; its command line, and its service."""

    def __init__(self, server: Slapd, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.settings = folder / "evict.toml"
        self.settings.write_text(
            _SETTINGS.format(
                folder=folder,
                host=server.host,
                port=LDAPS_PORT,
                suffix=SUFFIX,
                evict=EVICT,
                ca=server.ca_file,
            )
        )
        secret = folder / "directory.password"
        secret.write_text(EVICT_PASSWORD)
        secret.chmod(0o600)
        (folder / "evidence").mkdir()
        made = self.run("key", "init", "--folder", str(folder), settings=False)
        assert made.returncode == 0, made.stderr

    def run(self, *words: str, settings: bool = True) -> subprocess.CompletedProcess[str]:
        tail = ["--config", str(self.settings)] if settings else []
        command = [sys.executable, "-m", "evict", *words, *tail]
        quiet = os.environ | {"NO_COLOR": "1"}
        return subprocess.run(
            command, capture_output=True, text=True, env=quiet, check=False, timeout=60
        )

    @contextmanager
    def serving(self) -> Iterator[None]:
        command = [sys.executable, "-m", "evict", "serve", "--config", str(self.settings)]
        with (self.folder / "serve.log").open("a") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self.wait_for(self._compared, process)
            yield
        finally:
            process.terminate()
            process.wait(10)

    def _compared(self, process: subprocess.Popen[bytes]) -> bool:
        log = (self.folder / "serve.log").read_text()
        assert process.poll() is None, log
        return log.rfind("watch.compared") > log.rfind("serve.stopped")

    def wait_for(self, told: object, *words: object) -> None:
        assert callable(told)
        for _ in range(300):
            if told(*words):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "serve.log").read_text())

    def states(self) -> dict[str, str]:
        """Account's first name -> its state in the ledger."""
        done = self.run("status", "--json")
        assert done.returncode in (0, 3, 4), done.stderr
        accounts = json.loads(done.stdout)["accounts"]
        return {a["label"].partition("@")[0]: a["state"] for a in accounts}

    def revoked(self, *uids: str) -> bool:
        states = self.states()
        return all(states.get(uid) == "revoked" for uid in uids)

    def lets_in(self, dn: str, password: str) -> bool:
        address = f"ldap://{self.server.host}:1389"
        command = ["ldapwhoami", "-x", "-D", dn, "-w", password, "-H", address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with slapd() as server:
        for uid in ("alice", "bob", "carl", "dora", "emil", "stays"):
            server.person(uid, mail=f"{uid}@corp.test")
        yield Product(server, tmp_path)


def dn(uid: str) -> str:
    return f"uid={uid},ou=people,{SUFFIX}"


def test_whoever_leaves_is_closed_and_only_a_reinstatement_opens(product: Product) -> None:
    server = product.server
    with product.serving():
        ordered = product.run("revoke", "alice@corp.test", "--reason", "left")
        assert ordered.returncode == 0, ordered.stdout + ordered.stderr
        assert not product.lets_in(dn("alice"), "Old-Pass-1")

        server.replace(dn("bob"), "pwdAccountLockedTime", LOCKED)
        server.delete(dn("carl"))
        server.replace(dn("dora"), "pwdEndTime", "20250101000000Z")
        product.wait_for(product.revoked, "alice", "bob", "carl", "dora")

        server.replace(dn("bob"), "userPassword", "Back-Again-4")  # slapd takes the lock away
        product.wait_for(lambda: not product.lets_in(dn("bob"), "Back-Again-4"))

    server.replace(dn("emil"), "pwdAccountLockedTime", LOCKED)
    with product.serving():
        product.wait_for(product.revoked, "emil")
        assert "stays" not in product.states()
        assert product.lets_in(dn("stays"), "Old-Pass-1")
        back = product.run("reinstate", "alice@corp.test", "--reason", "back", "--json")
        assert back.returncode == 0, back.stdout + back.stderr
        assert product.states()["alice"] != "revoked"
