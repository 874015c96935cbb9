# SPDX-License-Identifier: Apache-2.0
"""The fronts that the configuration names: what stands behind each, and how it knows of leavers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from evict.config.forward_auth import ForwardAuthHook
from evict.config.haproxy import HaproxyHook
from evict.config.model import Config
from evict.config.roundcube import RoundcubeSection
from evict.config.sogo import SogoSection

Kind = Literal["exchange", "sogo", "roundcube"]


class Front(Struct, frozen=True, kw_only=True):
    """Before one system: it asks, is pushed to, both, or there is none.

    Attributes:
        name: of the system's section.
        kind: of what stands behind.
        url: scheme, host and port where people come in.
        path: where the product begins.
        server_name: that the front's certificate must carry.
    """

    name: str
    kind: Kind
    url: str
    path: str
    server_name: str
    ca_file: Path | None
    asks: ForwardAuthHook | None
    pushed: HaproxyHook | None


def ends_requests(asks: ForwardAuthHook | None, pushed: HaproxyHook | None) -> bool:
    """Whether the agent can end what is in flight at a front.

    HAProxy has a socket for it, and so may a front that asks; nginx and Caddy have no way to.
    """
    return pushed is not None or (asks is not None and asks.runtime is not None)


def fronts(config: Config) -> Iterator[Front]:
    """Of every system that may have one."""
    for exchange in config.exchange:
        first = exchange.servers[0]
        host, port = (
            (first.host, first.https_port)
            if exchange.front is None
            else (exchange.front.host, exchange.front.port)
        )
        yield Front(
            name=exchange.name,
            kind="exchange",
            url=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            path="/",
            server_name=exchange.server_name or host,
            ca_file=exchange.ca_file,
            asks=exchange.hook,
            pushed=exchange.haproxy,
        )
    for web in config.sogo:
        yield _of("sogo", web)
    for mail in config.roundcube:
        yield _of("roundcube", mail)


def _of(kind: Kind, section: SogoSection | RoundcubeSection) -> Front:
    url = urlsplit(section.url)
    return Front(
        name=section.name,
        kind=kind,
        url=f"{url.scheme}://{url.netloc}",
        path=url.path or "/",
        server_name=section.server_name or url.hostname or "",
        ca_file=section.ca_file,
        asks=section.hook,
        pushed=section.haproxy,
    )
