# SPDX-License-Identifier: Apache-2.0
"""Makes the HTTP listener of what the configuration and the control plane are."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from evict.config.crosscheck import host_port
from evict.config.model import Config
from evict.control.health.health import Health, counted_answers
from evict.control.http import tls
from evict.control.http.routes import Routes
from evict.control.http.server import HttpServer
from evict.control.reloading import Commit, Settings
from evict.control.stopping import Answerer
from evict.core.access import Asker
from evict.obs.metrics import CONTENT_TYPE, Metrics


class Access(Protocol):
    """Knows whose a token is."""

    async def by_token(self, text: str, *, where: str) -> Asker: ...


async def start(
    settings: Settings, health: Health, metrics: Metrics, answer: Answerer, access: Access
) -> HttpServer | None:
    """Listen where [http] says so. Raises `ConfigError`."""
    section = settings.current.http
    if section.listen is None:
        return None

    async def by_token(text: str, where: str) -> Asker:
        return await access.by_token(text, where=where)

    async def scraped() -> tuple[str, bytes]:
        return CONTENT_TYPE, metrics.render(await health.snapshot())

    server = HttpServer(
        Routes(
            answer=counted_answers(answer, metrics, "http"),
            by_token=by_token,
            missing=health.missing,
            metrics=scraped,
            refused=metrics.answered,
        )
    )
    context = tls.context(section)
    if context is not None:
        settings.prepared_by(partial(_renewed, tls.Renewable(context)))
    host, port = host_port(section.listen)
    await server.start(host, port, context)
    return server


def _renewed(shown: tls.Renewable, config: Config) -> Commit:
    """A certificate that was renewed in its file is shown from the next reload on."""
    made = tls.context(config.http)
    return _nothing if made is None else partial(shown.show, made)


def _nothing() -> None:
    """There was a certificate, and it is not configured any more: that waits for a restart."""
