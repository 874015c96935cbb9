# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from evict.config.load import load
from evict.config.model import Config
from evict.control.reloading import Settings
from evict.core.errors import ConfigError

MAIN = """
[directory]
servers = ["dc.corp.test"]
base_dn = "DC=corp,DC=test"
bind_user = "evict"
password_file = "/etc/evict/password"
"""


def begin(folder: Path) -> Settings:
    file = folder / "evict.toml"
    file.write_text(MAIN)
    return Settings(load(file), file)


def write(settings: Settings, more: str) -> None:
    assert settings.path is not None
    settings.path.write_text(f"{MAIN}\n{more}")


async def test_a_reader_that_asks_gets_the_new_one_whole(tmp_path: Path) -> None:
    settings = begin(tmp_path)
    write(settings, "[guard]\nan_hour = 30\n[staying]\ndays = 10\n[probes]\ntimeout_s = 9.0\n")
    reloaded = await settings.reload()
    assert reloaded.changed == ("guard.an_hour", "staying.days")
    assert reloaded.restart_needed == ("probes.timeout_s",)
    assert (settings.current.guard.an_hour, settings.current.staying.days) == (30, 10)
    assert settings.current.probes.timeout_s != 9.0
    again = await settings.reload()
    assert (again.changed, again.restart_needed) == ((), ("probes.timeout_s",))


async def test_a_part_that_cannot_prepare_keeps_all_of_the_old(tmp_path: Path) -> None:
    settings = begin(tmp_path)
    done: list[str] = []

    def good(_: Config) -> Callable[[], None]:
        return lambda: done.append("good")

    def bad(_: Config) -> Callable[[], None]:
        raise ConfigError("notify.mail: its password cannot be read")

    settings.prepared_by(good)
    settings.prepared_by(bad)
    before = settings.current
    write(settings, "[guard]\nan_hour = 30\n")
    with pytest.raises(ConfigError, match=r"notify\.mail"):
        await settings.reload()
    assert settings.current is before
    assert done == []
    assert "its password" in settings.refused


async def test_whatever_is_wrong_with_a_file_the_old_one_goes_on(tmp_path: Path) -> None:
    settings = begin(tmp_path)
    before = settings.current
    for bad in ("[guard]\nan_hour = 'x'\n", "]", "[nothing]\n", "\0"):
        write(settings, bad)
        with pytest.raises(ConfigError):
            await settings.reload()
        assert settings.current is before
        assert settings.refused
    assert settings.path is not None
    settings.path.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        await settings.reload()
    write(settings, "")
    await settings.reload()
    assert settings.refused == ""


async def test_what_is_read_at_the_start_only_waits_for_one(tmp_path: Path) -> None:
    settings = begin(tmp_path)
    units = 'leavers_units = ["OU=Gone,DC=corp,DC=test"]'
    write(settings, f"[watch]\nenabled = true\npoll_ms = 50\n{units}\n")
    reloaded = await settings.reload()
    assert reloaded.restart_needed == ("watch.enabled", "watch.leavers_units")
    assert reloaded.changed == ("watch.poll_ms",)
    assert reloaded.told() == (
        "1 settings changed; wait for a restart: watch.enabled, watch.leavers_units"
    )
    assert not settings.current.watch.enabled
    assert settings.current.watch.leavers_units == ()


async def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    settings = begin(tmp_path)
    write(settings, "[guard]\nan_hour = 30\n")
    both = await asyncio.gather(settings.reload(), settings.reload())
    assert sorted(len(reloaded.changed) for reloaded in both) == [0, 1]


async def test_what_no_file_was_read_for_cannot_be_read_again(tmp_path: Path) -> None:
    settings = Settings(begin(tmp_path).current)
    with pytest.raises(ConfigError, match="only `evict serve`"):
        await settings.reload()
