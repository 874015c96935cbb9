# SPDX-License-Identifier: Apache-2.0
"""What settings of unattended work need of each other."""

from __future__ import annotations

from collections.abc import Iterator

from evict.config.guard import GuardSection
from evict.config.model import DirectorySection
from evict.config.problems import Key, Problem
from evict.config.watch import WatchSection
from evict.core.dn import dn_key, is_below
from evict.core.errors import ConfigError
from evict.core.guard import Protection


def find_in_watch(section: WatchSection, directory: DirectorySection) -> Iterator[Problem]:
    """A place that no sign looks at is a mistake."""
    if directory.product == "openldap":
        yield from _elsewhere(section, directory.base_dn)
    places: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("leavers_units", section.leavers_units),
        ("leavers_groups", section.leavers_groups),
    )
    for name, dns in places:
        for number, dn in enumerate(dns):
            if "=" not in dn:
                text = f"expected a DN such as OU=Leavers,DC=corp,DC=example, got {dn!r}"
                yield Problem(key=("watch", name, number), text=text)
    named = any(dns for _, dns in places)
    if named and "moved" not in section.recognise:
        text = 'leavers_units or leavers_groups is set: expected "moved" among them'
        yield Problem(key=("watch", "recognise"), text=text)


def _elsewhere(section: WatchSection, base_dn: str) -> Iterator[Problem]:
    """A domain is watched whole; of OpenLDAP only what lies below the base."""
    for number, dn in enumerate(section.leavers_units):
        if not is_below(dn_key(dn), dn_key(base_dn)):
            text = f"expected a DN below directory.base_dn, {base_dn}: elsewhere nothing is seen"
            yield Problem(key=("watch", "leavers_units", number), text=text)


def find_in_guard(section: GuardSection) -> Iterator[Problem]:
    """An allowance that another one makes void would read as if it counted."""
    here: Key = ("guard", "all_sources_an_hour")
    if section.all_sources_an_hour < section.an_hour:
        text = f"expected at least an_hour, {section.an_hour}: one source could never use it"
        yield Problem(key=here, text=text)
    if section.a_minute > section.an_hour:
        text = f"expected at most an_hour, {section.an_hour}"
        yield Problem(key=("guard", "a_minute"), text=text)
    for number, name in enumerate(section.break_glass):
        try:
            Protection(break_glass=(name,))
        except ConfigError as error:
            yield Problem(key=("guard", "break_glass", number), text=error.text)
