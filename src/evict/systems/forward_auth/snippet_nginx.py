# SPDX-License-Identifier: Apache-2.0
"""What nginx is to be told. Tried with nginx 1.22.1."""

from __future__ import annotations

import re
from typing import Final

from evict.systems.forward_auth.products import Kind, clearing
from evict.systems.forward_auth.site import CLAIMS, Site, unrouted


def nginx(site: Site) -> str:
    """Part for http { } and part for server { }."""
    product, word = site.settled, f"evict_{site.word}"
    login = site.settings.login_listen
    scheme, _, server = site.upstream.partition("://")
    gone = "\n".join(
        f'map $evict_{site.word}_to_login ${word}_gone{n} {{ default ""; 1 "{cookie}"; }}'
        for n, cookie in enumerate(clearing(product))
    )
    claims = "\n".join(f'    proxy_set_header {name} "";' for name in CLAIMS)
    values = {
        "w": word,
        "name": site.name,
        "label": product.label,
        "ask": f"unix:{site.settings.listen}" if site.over_file else site.settings.listen,
        "login_server": f"upstream {word}_login {{ server {login}; }}\n" if login else "",
        "server": server,
        "scheme": scheme,
        "keep": " keepalive 32;" if site.lends else "",
        "gone": gone,
        "is_login": _pattern(product.login_path) if login else "none",
        "page": product.login_page,
        "claims": claims,
        "clear": "\n".join(
            f"    add_header Set-Cookie ${word}_gone{n} always;"
            for n, _ in enumerate(clearing(product))
        ),
        "said": unrouted(site),
        "own": "\n".join(f"    proxy_set_header {name} {value};" for name, value in _own(site)),
        "tls": "\n".join(f"    {line}" for line in _tls(site)),
    }
    moved = dict(product.moved)
    parts = [_NGINX_HTTP, _NGINX_SERVER]
    if login:
        parts.append(_NGINX_LOGIN)
    for prefix in product.prefixes:
        place = _NGINX_LOCATION.replace("{prefix}", prefix)
        parts.append(place.replace("{moved}", moved.get(prefix, "")))
    return "".join(part.format_map(values) for part in parts)


def _own(site: Site) -> tuple[tuple[str, str], ...]:
    """Headers that the server behind wants from its front."""
    return _SOGO if site.product.kind is Kind.JSON else ()


def _tls(site: Site) -> list[str]:
    """By itself nginx does not look at a certificate."""
    if not site.upstream.startswith("https://"):
        return []
    settings = site.settings
    lines = ["proxy_ssl_verify on;", "proxy_ssl_server_name on;"]
    lines.append(f"proxy_ssl_name {settings.server_name or site.host};")
    trusted = settings.ca_file or "/etc/ssl/certs/ca-certificates.crt"
    return [*lines, f"proxy_ssl_trusted_certificate {trusted};"]


def _pattern(target: str) -> str:
    """Of nginx's map, over method and target; in any case, as Exchange has it."""
    return f"~*^POST:{re.escape(target)}$".replace('"', r"\"")


_SOGO: Final = (
    ("x-webobjects-server-protocol", "HTTP/1.0"),
    ("x-webobjects-remote-host", "$remote_addr"),
    ("x-webobjects-server-name", "$host"),
    ("x-webobjects-server-port", "$server_port"),
    ("x-webobjects-server-url", "$scheme://$http_host"),
)

_NGINX_HTTP: Final = """\
# nginx: ask Evict's agent before every request; system {name} ({label}). Tried with nginx 1.22.1.
# nginx refuses while the agent does not answer. `nginx -t`, then reload.
{said}
# --- into http {{ }} ---
upstream {w}_ask {{ server {ask}; keepalive 32; }}
{login_server}upstream {w}_site {{ server {server};{keep} }}
map ${w}_nobody ${w}_cookie {{ default $http_cookie; 1 ""; }}
map ${w}_nobody ${w}_authorization {{ default $http_authorization; 1 ""; }}
map "$request_method:$http_accept" ${w}_page {{ default 0; "~^(?:GET|HEAD):.*text/html" 1; }}
map "$request_method:$request_uri" ${w}_is_login {{ default 0; "{is_login}" 1; }}
map "${w}_to_login${w}_page" ${w}_where {{ default ""; 11 "{page}"; }}
{gone}

# --- into server {{ }} ---
"""

_NGINX_SERVER: Final = """\
# The question. A client cannot ask for this location itself.
location = /{w} {{
    internal;
    proxy_pass http://{w}_ask/auth;
    proxy_http_version 1.1;
    proxy_pass_request_body off;
    proxy_set_header Host evict;
    proxy_set_header Connection "";
    proxy_set_header Content-Length "";
    proxy_set_header X-Evict-Renewed "";
    proxy_set_header X-Original-URI $request_uri;
    proxy_connect_timeout 1s;
    proxy_send_timeout 1s;
    proxy_read_timeout 1s;
}}
# The agent does not know the cookie, or its account is closed.
location @{w}_401 {{
    internal;
    absolute_redirect off;
    add_header Cache-Control no-store always;
{clear}
    if (${w}_where) {{ return 302 ${w}_where; }}
    return 401;
}}
"""

_NGINX_LOGIN: Final = """\
# The login goes through the agent, which learns whose cookie it is.
location @{w}_login {{
    internal;
    proxy_pass http://{w}_login;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $remote_addr;
{own}
{claims}
    proxy_buffer_size 32k;
    proxy_buffers 8 32k;
}}
"""

_NGINX_LOCATION: Final = """\
location {prefix} {{
    if (${w}_is_login) {{ return 418; }}
    error_page 418 = @{w}_login;
    error_page 401 = @{w}_401;
    satisfy all;
    auth_request /{w};
    auth_request_set ${w}_nobody $upstream_http_x_evict_nobody;
    auth_request_set ${w}_to_login $upstream_http_x_evict_login_page;
    proxy_pass {scheme}://{w}_site{moved};
    proxy_http_version 1.1;
{tls}
    # Lines of your own go here: one proxy_set_header in a location drops all inherited ones.
{own}
    proxy_set_header Host $host;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Cookie ${w}_cookie;
    proxy_set_header Authorization ${w}_authorization;
{claims}
    proxy_buffer_size 32k;
    proxy_buffers 8 32k;
    # What is under way when an account is closed goes on for as long as this allows.
    proxy_read_timeout 300s;
}}
"""
