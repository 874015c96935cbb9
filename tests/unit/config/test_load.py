# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from evict.config.example import example
from evict.config.load import MAX_BYTES, load
from evict.config.model import Config
from evict.config.show import show
from evict.core.errors import ConfigError, ExitCode

DIRECTORY = """
[directory]
servers = ["dc1.corp.test"]
base_dn = "DC=corp,DC=test"
bind_user = "svc@corp.test"
password_file = "/etc/evict/p"
"""
DOVECOT = """
[[dovecot]]
doveadm_url = "http://127.0.0.1:8080/doveadm/v1"
api_key_file = "doveadm.key"
host = "mail.corp.test"
"""
FRONT = "[[roundcube]]\nurl = 'https://mail.corp.test/'\n[roundcube.hook]\n"
POSTFIX = """
[[postfix]]
host = "mail.corp.test"
"""


def written(folder: Path, text: str, **parts: str) -> Path:
    (folder / "conf.d").mkdir(exist_ok=True)
    for name, part in parts.items():
        (folder / "conf.d" / f"{name}.toml").write_text(part)
    file = folder / "evict.toml"
    file.write_text(text)
    return file


def loaded(folder: Path, text: str, **parts: str) -> Config:
    return load(written(folder, text, **parts))


def refusal(folder: Path, text: str, **parts: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, **parts)
    assert caught.value.exit_code is ExitCode.CONFIG
    return str(caught.value)


def test_the_least_configuration_loads_with_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, DIRECTORY)
    assert config.directory.servers == ("dc1.corp.test",)
    assert config.ledger.path == Path("/var/lib/evict/ledger.db")
    assert not config.has_hooks


def test_the_example_loads_as_it_stands_and_with_every_line_uncommented(tmp_path: Path) -> None:
    assert loaded(tmp_path, example()).has_hooks
    every = "\n".join(
        line[1:] if line.startswith("#") and " = " in line and line[1] != " " else line
        for line in example().splitlines()
    )
    assert every != example()
    assert loaded(tmp_path, every).dovecot[0].master_user == "evict-witness"


def test_what_show_prints_loads_as_the_same_configuration(tmp_path: Path) -> None:
    off = "imap_port = false\nusername_format = '%Ln'\n"
    first = loaded(tmp_path, DIRECTORY + DOVECOT + off + POSTFIX)
    assert first.dovecot[0].imap_port is None
    again = tmp_path / "again"
    again.mkdir()
    assert loaded(again, show(first)) == first


def test_a_later_file_wins_key_by_key_and_table_by_name(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        DIRECTORY + DOVECOT + POSTFIX,
        a="[probes]\ntimeout_s = 3\nwitness_beat_ms = 7\n[[dovecot]]\nimap_port = 1143\n",
        b="[probes]\ntimeout_s = 4\n" + POSTFIX + "name = 'second'\n",
    )
    assert (config.probes.timeout_s, config.probes.witness_beat_ms) == (4.0, 7)
    assert [(d.name, d.imap_port) for d in config.dovecot] == [("dovecot", 1143)]
    assert [p.name for p in config.postfix] == ["postfix", "second"]


def test_an_unknown_key_names_its_file_itself_and_the_nearest_one(tmp_path: Path) -> None:
    said = refusal(tmp_path, DIRECTORY, a="[probes]\ntimout_s = 3\n")
    assert f"{tmp_path}/conf.d/a.toml: probes.timout_s: unknown key" in said
    assert said.endswith("the nearest valid one is timeout_s")


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    said = refusal(tmp_path, DIRECTORY + "colour = 1\n[leger]\n" + DOVECOT + "gssapi = 'yes'\n")
    assert "directory.colour: unknown key" in said
    assert "leger: unknown key; the nearest valid one is ledger" in said
    assert "dovecot[0].gssapi: expected bool, got str" in said


def test_a_missing_key_is_named_with_an_example(tmp_path: Path) -> None:
    text = DIRECTORY.replace('base_dn = "DC=corp,DC=test"\n', "")
    said = refusal(tmp_path, text)
    assert 'directory.base_dn: missing; for example base_dn = "DC=corp,DC=example"' in said
    assert "directory: missing table, as [directory]" in refusal(tmp_path, "")


WRONG = {
    "type": ("[ledger]\npath = 3", "ledger.path: expected the name of a file"),
    "bound": ("[probes]\nwitness_beat_ms = 0", "expected int >= 1"),
    "port": (DOVECOT + "imap_port = 70000", "dovecot[0].imap_port: expected int <= 65535"),
    "word": (POSTFIX + "submission_tls = 'on'", "submission_tls: expected str matching"),
    "table": ("[[ledger]]", "ledger: expected a table"),
    "array": ("[dovecot]\nhost = 'x'", "expected an array of tables: [[dovecot]]"),
    "relative": ("[ledger]\npath = 'ledger.db'", "ledger.path: expected an absolute path"),
    "credential": ("[keys]\nprobe_key_file = 'a/b'", "bare name of a systemd credential"),
    "network": ("[probes]\nsource_addresses = '10.9.8.1/28'", "expected a network"),
    "listen": (
        DOVECOT + "[dovecot.hook]\nlisten = '4001'\napi_key_file = 'k'",
        "dovecot[0].hook.listen: expected host:port",
    ),
    "no socket file": (
        FRONT + "listen = '/run/ask'\nfront = 'traefik'",
        "roundcube[0].hook.listen: expected host:port: traefik is told of no socket file",
    ),
    "odd socket file": (FRONT + "listen = '/run/a;b'", "hook.listen: expected a path of letters"),
    "url": (DOVECOT.replace("http://", "http://u:p@"), "without a user or password"),
    "format": (DOVECOT + "username_format = '%{user}'", "Evict would know nobody"),
    "separator": (
        DOVECOT + "master_user = 'm'\nmaster_password_file = 'p'",
        "dovecot[0].master_separator: missing; master_user needs it",
    ),
    "password": (DOVECOT + "master_user = 'm'\nmaster_separator = '*'", "password_file: missing"),
    "long separator": (DOVECOT + "master_separator = '**'", "expected one character"),
    "no master": (DOVECOT + "master_password_file = 'p'", "master_user: missing"),
    "no listener": (POSTFIX + "[postfix.hook]", "postfix[0].hook: expected unix_socket or listen"),
    "same name": (POSTFIX + "name = 'directory'", "another system has the name 'directory'"),
    "odd name": (POSTFIX + "name = 'a/b'", "expected lower-case letters"),
    "twice": (POSTFIX + POSTFIX, "two tables have the name 'postfix'"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_says_what_was_expected(tmp_path: Path, text: str, said: str) -> None:
    found = refusal(tmp_path, DIRECTORY + text + "\n")
    assert said in found
    assert str(tmp_path / "evict.toml") in found


@pytest.mark.parametrize("server", ["dc1:", "dc1:x", "dc1:70000", "ldaps://dc1", "a b:1/", ""])
def test_a_server_that_is_no_host_and_port_is_refused(tmp_path: Path, server: str) -> None:
    text = DIRECTORY.replace('"dc1.corp.test"', f'"[::1]:636", "{server}"')
    assert "directory.servers: expected host:port" in refusal(tmp_path, text)


def test_a_file_that_cannot_be_read_as_toml_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evict config example >"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)
    assert "not TOML" in refusal(tmp_path, "x = [")
    assert "line 2" in refusal(tmp_path, "[ledger]\npath path")
    assert "not TOML" in refusal(tmp_path, "x = " + "9" * 5000)
    assert "nested too deeply" in refusal(tmp_path, "x = " + "[" * 100_000)
    assert "nested too deeply" in refusal(tmp_path, "x." * 20_000 + "y = 1")
    assert "larger than" in refusal(tmp_path, "#" * (MAX_BYTES + 1))
    file = written(tmp_path, "")
    file.write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 5"):
        load(file)


def test_an_integer_serves_where_seconds_are_wanted_and_a_truth_does_not(tmp_path: Path) -> None:
    assert loaded(tmp_path, DIRECTORY + "[probes]\ntimeout_s = 3").probes.timeout_s == 3.0
    assert "timeout_s" in refusal(tmp_path, DIRECTORY + "[probes]\ntimeout_s = true")
