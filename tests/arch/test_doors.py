# SPDX-License-Identifier: Apache-2.0
"""The table of docs/doors.md holds exactly the doors that the connectors name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evict.config.example import example
from evict.config.load import load
from evict.config.model import Config
from evict.systems.active_directory import observing
from evict.systems.dovecot import doors as dovecot
from evict.systems.exchange import doors as exchange
from evict.systems.postfix import doors as postfix
from evict.systems.roundcube import doors as roundcube
from evict.systems.sogo import doors as sogo
from tests.arch.tree import ROOT

PAGE = ROOT / "docs" / "doors.md"
ROW = re.compile(r"^\| ([a-z0-9]+/[a-z0-9-]+/[a-z]+) \|", re.MULTILINE)


def everything(folder: Path) -> Config:
    """The example's configuration, with every door that can be configured."""
    file = folder / "evict.toml"
    text = example().replace("#realm = ", "realm = ")
    text = text.replace("#gssapi = false", "gssapi = true")
    for port in ("imap_port = 993", "pop3_port = 995", "submission_port = 587"):
        text = text.replace(f"#{port}", port)
    file.write_text(text)
    return load(file)


def named_by_the_connectors(config: Config) -> Iterator[str]:
    directory = config.directory
    yield from (door.name for door in observing.password_doors(directory))
    yield from (e.door.name for e in observing._unprovable(directory, None))
    for store in config.dovecot:
        yield from (e.door.name for e in dovecot.Doors(store).expectations())
    for relay in config.postfix:
        yield from (e.door.name for e in postfix.Doors(relay).expectations(None))
    for organisation in config.exchange:
        every = exchange.Doors(organisation).expectations(um=True, archive=True)
        yield from (e.door.name for e in every)
    for groupware in config.sogo:
        yield from (e.door.name for e in sogo.Doors(groupware).expectations())
    for web_mail in config.roundcube:
        yield from (e.door.name for e in roundcube.Doors(web_mail).expectations())


def rows(page: str) -> list[str]:
    return ROW.findall(page)


def test_every_door_of_the_connectors_is_in_the_table_and_no_other(tmp_path: Path) -> None:
    names = list(named_by_the_connectors(everything(tmp_path)))
    assert sorted(rows(PAGE.read_text())) == sorted(names)
    assert len(names) == 55


def test_the_check_sees_a_door_that_the_table_does_not_have(tmp_path: Path) -> None:
    config = everything(tmp_path)
    renamed = msgspec.structs.replace(
        config, dovecot=tuple(msgspec.structs.replace(d, name="store") for d in config.dovecot)
    )
    assert sorted(rows(PAGE.read_text())) != sorted(named_by_the_connectors(renamed))
