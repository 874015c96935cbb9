# SPDX-License-Identifier: Apache-2.0
"""The packaged units, as systemd's own tools judge them; no systemd runs for it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from estate.product import AGENT_NICE
from evict.config.load import load
from tests.arch.tree import ROOT

UNITS = ROOT / "packaging" / "systemd"
PROGRAM = "/opt/evict/.venv/bin/evict"
EXPOSURE = {"evict.service": 1.2, "evict-agent.service": 1.2}
WITH_SUDO = 6.5
"""As docs/operate/service.md says; from 0.0, which can do nothing, to 10.0, which is unbounded."""


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not here: Debian package systemd")
    return found


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: Debian package systemd")
    return found


def installed(folder: Path, *, without: str = "") -> list[Path]:
    """The units with a program that exists, and without lines that begin so."""
    program = folder / "evict"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    units = []
    for source in sorted(UNITS.glob("*.service")):
        text = source.read_text().replace(PROGRAM, str(program))
        lines = [line for line in text.splitlines() if not (without and line.startswith(without))]
        units.append(folder / source.name)
        units[-1].write_text("\n".join(lines) + "\n")
        drop_ins = UNITS / f"{source.name}.d"
        shutil.copytree(drop_ins, folder / drop_ins.name, dirs_exist_ok=True)
    return units


def said_of(analyze: str, units: list[Path]) -> str:
    ran = subprocess.run(
        [analyze, "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return f"{ran.stdout}{ran.stderr}" + (f"rc {ran.returncode}" if ran.returncode else "")


def exposures(analyze: str, units: list[Path]) -> dict[str, float]:
    found = {}
    for unit in units:
        ran = subprocess.run(
            [analyze, "security", "--offline=true", "--no-pager", unit],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        level = re.search(r"exposure level for \S+: ([\d.]+)", ran.stdout)
        assert level is not None, ran.stdout + ran.stderr
        found[unit.name] = float(level[1])
    return found


def test_systemd_finds_nothing_to_say_of_them(analyze: str, tmp_path: Path) -> None:
    units = installed(tmp_path)
    assert [unit.name for unit in units] == sorted(EXPOSURE)
    assert said_of(analyze, units) == ""


def test_it_would_have_said_something(analyze: str, tmp_path: Path) -> None:
    units = installed(tmp_path)
    units[0].write_text(units[0].read_text().replace("ProtectSystem=strict", "ProtectSystem=much"))
    assert "ignoring: much" in said_of(analyze, units)


def test_each_is_shut_in_as_far_as_the_docs_say(analyze: str, tmp_path: Path) -> None:
    assert exposures(analyze, installed(tmp_path)) == EXPOSURE


def test_what_sudo_costs_is_as_the_docs_say(analyze: str, tmp_path: Path) -> None:
    unit = next(u for u in installed(tmp_path) if u.name == "evict.service")
    text = unit.read_text().partition("[Install]")[0]
    unit.write_text(text + (UNITS / "examples/sudo.conf").read_text())
    assert said_of(analyze, [unit]) == ""
    assert exposures(analyze, [unit]) == {"evict.service": WITH_SUDO}
    page = (ROOT / "docs/operate/service.md").read_text()
    assert f"exposure is {WITH_SUDO}." in page
    for name, level in EXPOSURE.items():
        assert re.search(rf"`{name}`\s+\*\*{level}\*\*", page)


@pytest.mark.parametrize(
    "line",
    ["SystemCallFilter=@", "CapabilityBoundingSet=", "ProtectSystem=", "RestrictNamespaces="],
)
def test_a_line_that_is_taken_out_is_seen(analyze: str, tmp_path: Path, line: str) -> None:
    found = exposures(analyze, installed(tmp_path, without=line))
    assert all(found[unit] > level for unit, level in EXPOSURE.items())


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (UNITS / unit).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("unit", sorted(EXPOSURE))
def test_both_are_watched_restarted_and_nobody_important(unit: str) -> None:
    told = settings(unit)
    assert told["Type"] == ["notify"]
    assert told["Restart"] == ["always"]
    assert told["StartLimitIntervalSec"] == ["0"]
    assert float(told["WatchdogSec"][0]) >= 10
    assert float(told["TimeoutStopSec"][0]) > 3  # the program ends itself within that
    assert told["User"] == [unit.removesuffix(".service")]
    assert told["CapabilityBoundingSet"] == [""]
    assert "PrivateUsers" not in told  # who asks over the socket is told by uid


def test_the_agent_goes_before_the_servers_and_on_the_estate_as_by_its_unit() -> None:
    (nice,) = settings("evict-agent.service")["Nice"]
    assert int(nice) == AGENT_NICE < 0


def test_the_users_and_folders_are_made_as_the_units_need_them(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("making users' folders needs root")
    sysusers, tmpfiles = tool("systemd-sysusers"), tool("systemd-tmpfiles")
    for name in ("etc", "run", "var"):
        (tmp_path / name).mkdir()
    root = f"--root={tmp_path}"
    subprocess.run([sysusers, root, UNITS / "sysusers.conf"], check=True, capture_output=True)
    subprocess.run([tmpfiles, root, "--create", UNITS / "tmpfiles.conf"], check=True)
    rows = (line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines())
    users = {row[0]: int(row[2]) for row in rows}
    assert users.keys() == {"evict", "evict-agent"}
    feed = (tmp_path / "run/evict/feed").stat()
    assert (feed.st_uid, feed.st_gid) == (users["evict"], users["evict-agent"])
    assert stat.S_IMODE(feed.st_mode) == 0o2750
    assert stat.S_IMODE((tmp_path / "etc/evict/credentials").stat().st_mode) == 0o700


def test_the_packaged_settings_are_sound_and_lead_where_the_units_let_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "conf.d").mkdir()
    shutil.copy(ROOT / "packaging/conf.d/10-systemd.toml", tmp_path / "conf.d")
    main = '[directory]\nservers = ["dc.corp.example"]\nbase_dn = "DC=corp,DC=example"\n'
    (tmp_path / "evict.toml").write_text(f'{main}bind_user = "evict@corp.example"\n')
    config = load(tmp_path / "evict.toml")
    written = [config.ledger.path.parent, config.evidence.folder]
    state = settings("evict.service")["StateDirectory"][0].split()
    assert {f"/var/lib/{name}" for name in state} >= {str(folder) for folder in written}
    runtime = settings("evict.service")["RuntimeDirectory"][0]
    assert str(config.control.socket.parent) == f"/run/{runtime}"
    assert str(config.control.feed.parent) in settings("evict.service")["ReadWritePaths"]
    assert config.agent.control_socket is not None
    own = settings("evict-agent.service")["ReadWritePaths"]
    assert str(config.agent.control_socket.parent) in own
    loaded = (UNITS / "evict.service.d/credentials.conf").read_text()
    for name in (config.keys.probe_key_file, config.directory.password_file):
        assert f"LoadCredential={name}:/etc/evict/credentials/{name}\n" in loaded
    assert not config.control.run_agent
