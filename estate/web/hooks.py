# SPDX-License-Identifier: Apache-2.0
"""Puts Evict's rules into HAProxy, as somebody would who pastes what `evict agent snippet` prints.

nginx stands still meanwhile: it leads to the same web mails, without rules it would be a way past.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from estate import services
from estate.layout import Layout
from estate.web import fronts
from evict.config.fronts import fronts as configured
from evict.config.load import load
from evict.systems.haproxy.snippet import parts


@contextmanager
def in_force(layout: Layout) -> Iterator[None]:
    """HAProxy with the rules while the block runs, nobody before the agent has filled its maps."""
    put_in_force(layout)
    try:
        yield
    finally:
        fronts.write_parts(layout, fronts.PLAIN)
        services.restart(layout, "haproxy")
        services.start(layout, "nginx")


def put_in_force(layout: Layout) -> None:
    """The rules into a HAProxy that runs; nginx is stopped."""
    services.stop(layout, "nginx")
    fronts.write_parts(layout, _parts(layout))
    fronts.check(layout)
    services.restart(layout, "haproxy")


def _parts(layout: Layout) -> fronts.Parts:
    """Of every web mail that `evict.toml` says HAProxy refuses for; its map files are made."""
    pieces = {
        front.kind: parts(front.name, front.pushed, front.kind)
        for front in configured(load(layout.config))
        if front.pushed is not None
    }
    for piece in pieces.values():
        for file in piece.files:
            file.write_bytes(b"")
            shutil.chown(file, "evict-agent", "evict-agent")
    return fronts.haproxy_parts(
        dict.fromkeys(line for piece in pieces.values() for line in piece.global_lines),
        [section for piece in pieces.values() for section in piece.sections],
        sogo=pieces["sogo"].backend_lines,
        roundcube=pieces["roundcube"].backend_lines,
    )
