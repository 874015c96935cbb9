# SPDX-License-Identifier: Apache-2.0
"""The two fronts of the web doors, plain or with what somebody puts into their marked places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from estate.commands import run
from estate.files import render, write
from estate.layout import Layout


class Parts(Struct, frozen=True, kw_only=True):
    """Text for the marked places; as it stands, a plain front.

    Attributes:
        haproxy_global: lines of `global`; the runtime socket and the buffers are there already.
        haproxy_frontend: lines of the one frontend, before a backend is chosen.
        haproxy_sogo, haproxy_roundcube: first lines of the backend of this name, where paths are
            still those the client asked for.
        haproxy_sections: whole sections after all others.
        nginx_http: inside `http`, before the server (upstreams, maps).
        nginx_sogo, nginx_roundcube: locations in place of the plain ones; None: those.
    """

    haproxy_global: str = ""
    haproxy_frontend: str = ""
    haproxy_sogo: str = ""
    haproxy_roundcube: str = ""
    haproxy_sections: str = ""
    nginx_http: str = ""
    nginx_sogo: str | None = None
    nginx_roundcube: str | None = None


PLAIN: Final = Parts()
_OURS: Final = ("stats socket ", "tune.bufsize ")
"""Lines of `global` that the estate has already."""


def haproxy_parts(
    global_lines: Iterable[str],
    sections: Iterable[str],
    *,
    sogo: Iterable[str] = (),
    roundcube: Iterable[str] = (),
) -> Parts:
    """From lines as somebody would be told to paste them."""
    return Parts(
        haproxy_global=_lines(line for line in global_lines if not line.startswith(_OURS)),
        haproxy_sections=_lines(sections),
        haproxy_sogo=_lines(sogo),
        haproxy_roundcube=_lines(roundcube),
    )


def nginx_halves(snippet: str) -> tuple[str, str]:
    """The part for `http` and the one for `server` of a text that says which is which."""
    http, _, server = snippet.partition("# --- into server { } ---")
    return http, server


def write_parts(layout: Layout, parts: Parts) -> None:
    """Write both fronts' settings with these parts; servers that run do not see it yet."""
    text = render(layout, "web/haproxy.cfg")
    for mark, part in (
        ("  @EVICT_GLOBAL@\n", parts.haproxy_global),
        ("  @EVICT_FRONTEND@\n", parts.haproxy_frontend),
        ("  @EVICT_SOGO@\n", parts.haproxy_sogo),
        ("  @EVICT_ROUNDCUBE@\n", parts.haproxy_roundcube),
        ("@EVICT_SECTIONS@\n", parts.haproxy_sections),
    ):
        text = text.replace(mark, f"{part}\n" if part else "")
    write(layout.haproxy_config, text, 0o644)
    folder = layout.nginx_config.parent
    write(layout.nginx_config, render(layout, "web/nginx.conf"), 0o644)
    write(folder / "http.conf", f"{parts.nginx_http}\n", 0o644)
    for name, locations in (("sogo", parts.nginx_sogo), ("roundcube", parts.nginx_roundcube)):
        plain = render(layout, f"web/nginx-{name}.conf")
        write(folder / f"{name}.conf", plain if locations is None else f"{locations}\n", 0o644)


def check(layout: Layout) -> None:
    """Raises `EstateError` with the server's words where it would not take its settings."""
    run("haproxy", "-c", "-f", layout.haproxy_config)
    run("nginx", "-t", "-q", "-c", layout.nginx_config)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
