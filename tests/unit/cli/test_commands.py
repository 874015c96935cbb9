# SPDX-License-Identifier: Apache-2.0
"""The commands as a shell sees them: a process each, its exit code, stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evict.evidence.statement import payload
from tests.unit.evidence import sample

SHELL = """
import sys
from cyclopts import App
from evict.cli import config, evidence, key, verify
from evict.cli.output import exit_with
from evict.core.errors import EvictError
app = App(name="evict")
for command in (config.app, evidence.app, key.app, verify.app):
    app.command(command)
try:
    code = app(sys.argv[1:], result_action="return_value")
except EvictError as error:
    exit_with(error)
sys.exit(code)
"""
"""As small a program around the commands as does it."""


def evict(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    command = [sys.executable, "-c", SHELL, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environ, check=False, timeout=60
    )


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    assert evict("key", "init", "--folder", folder, cwd=tmp_path).returncode == 0
    return folder


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    file = tmp_path / "case.statement.json"
    file.write_bytes(payload(sample.statement()))
    return file


def signed(keys: Path, unsigned: Path) -> Path:
    done = evict("evidence", "sign", unsigned, "--key", "keys/evidence.key", cwd=keys.parent)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_keys_are_made_once_with_the_next_steps_on_stderr(tmp_path: Path) -> None:
    first = evict("key", "init", "--folder", tmp_path / "k", cwd=tmp_path)
    assert [Path(line).name for line in first.stdout.split()] == [
        "probe.key",
        "evidence.key",
        "evidence.pub",
    ]
    assert "Hand evidence.pub" in first.stderr
    again = evict("key", "init", "--folder", tmp_path / "k", "--json", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "never overwritten [usage]" in again.stderr


def test_a_statement_signed_elsewhere_verifies(keys: Path, unsigned: Path) -> None:
    envelope = signed(keys, unsigned)
    assert envelope == unsigned.with_name("case.dsse.json")
    done = evict("verify", envelope, "--key", keys / "evidence.pub", cwd=keys)
    assert done.returncode == 0, done.stderr
    assert "valid: signed by key" in done.stdout
    assert "dovecot/imap/session shut" in done.stdout
    assert "not proven: dovecot/device/copy" in done.stdout
    again = evict("evidence", "sign", unsigned, "--key", "keys/evidence.key", cwd=keys.parent)
    assert again.returncode == 2


def test_verify_as_json_is_one_object(keys: Path, unsigned: Path) -> None:
    envelope = signed(keys, unsigned)
    done = evict("verify", envelope, "--key", keys / "evidence.pub", "--json", cwd=keys)
    said = json.loads(done.stdout)
    assert (said["result"], said["verdict"], done.stderr) == ("valid", "shut", "")
    assert said["proven"][0]["rests_on"] == ["witness", "negative-login"]


def test_exit_codes_of_verify_are_1_for_invalid_and_4_for_untold(
    keys: Path, unsigned: Path
) -> None:
    envelope = signed(keys, unsigned)
    parts = json.loads(envelope.read_bytes())
    parts["payload"] = "e30="
    forged = envelope.with_name("forged.json")
    forged.write_text(json.dumps(parts))
    others = keys.parent / "others"
    evict("key", "init", "--folder", others, cwd=keys)
    cases = (
        (forged, keys / "evidence.pub", 1, "invalid"),
        (envelope, others / "evidence.pub", 4, "untold"),
        (envelope, keys / "none.pub", 4, "untold"),
    )
    for file, key, code, word in cases:
        done = evict("verify", file, "--key", key, "--json", cwd=keys)
        assert (done.returncode, json.loads(done.stdout)["result"]) == (code, word)
        assert done.stderr.startswith("evict: ")
        assert done.stderr.count("\n") == 1
    assert evict("verify", keys / "none.json", cwd=keys).returncode == 2


def test_a_statement_that_contradicts_itself_is_not_signed(keys: Path, tmp_path: Path) -> None:
    lie = tmp_path / "lie.statement.json"
    lie.write_bytes(payload(sample.statement(sightings=())))
    done = evict("evidence", "sign", lie, "--key", keys / "evidence.key", cwd=tmp_path)
    assert done.returncode == 1
    assert "its sightings say unverifiable" in done.stderr
    assert not (tmp_path / "lie.dsse.json").exists()


def test_the_example_checks_and_shows(tmp_path: Path) -> None:
    file = tmp_path / "evict.toml"
    file.write_text(evict("config", "example", cwd=tmp_path).stdout)
    done = evict("config", "check", "--config", file, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        0,
        "the configuration is sound: directory, dovecot, postfix, exchange, sogo, roundcube\n",
    )
    shown = evict("config", "show", "--config", file, cwd=tmp_path)
    assert 'password_file = "/etc/evict/directory.password"' in shown.stdout
    as_json = evict("config", "show", "--json", "--config", file, cwd=tmp_path)
    assert json.loads(as_json.stdout)["directory"]["base_dn"] == "DC=corp,DC=example"


def test_check_reads_the_secrets_where_that_is_wished(tmp_path: Path) -> None:
    file = tmp_path / "evict.toml"
    text = evict("config", "example", cwd=tmp_path).stdout
    file.write_text(text.replace("/etc/evict/", f"{tmp_path}/"))
    done = evict("config", "check", "--secrets", "--config", file, cwd=tmp_path)
    assert done.returncode == 78
    assert f"{tmp_path}/directory.password: the secret cannot be read" in done.stderr


def test_a_wrong_configuration_ends_with_78(tmp_path: Path) -> None:
    file = tmp_path / "evict.toml"
    file.write_text("[directry]\n")
    done = evict("config", "check", "--config", file, cwd=tmp_path)
    assert done.returncode == 78
    assert "directry: unknown key; the nearest valid one is directory" in done.stderr
