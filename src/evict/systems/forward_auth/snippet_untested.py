# SPDX-License-Identifier: Apache-2.0
"""What Traefik and Envoy are to be told, from their documentation: neither was tried."""

from __future__ import annotations

from typing import Final

from evict.systems.forward_auth.site import CLAIMS, Site, unrouted


def traefik(site: Site) -> str:
    """Dynamic configuration, YAML."""
    product, word = site.settled, site.word
    login = site.settings.login_listen
    path, _, query = product.login_path.partition("?")
    rule = f"Host(`{site.host}`)"
    prefixes = " || ".join(f"PathPrefix(`{prefix}`)" for prefix in product.prefixes)
    asked = "".join(f" && Query(`{part}`)" for part in query.split("&") if part)
    values = {
        "said": unrouted(site),
        "w": word,
        "name": site.name,
        "label": product.label,
        "ask": site.settings.listen,
        "rule": f"{rule} && ({prefixes})",
        "upstream": site.upstream,
        "claims": "\n".join(f'          {name}: ""' for name in CLAIMS),
        "router": ""
        if not login
        else _TRAEFIK_ROUTER.format(
            w=word, rule=f"{rule} && Method(`POST`) && Path(`{path}`){asked}"
        ),
        "service": "" if not login else _TRAEFIK_SERVICE.format(w=word, login=login),
        "own": "" if site.lends else f"\n        serversTransport: evict-{word}",
        "transport": "" if site.lends else _TRAEFIK_OWN.format(w=word),
    }
    return _TRAEFIK.format_map(values)


_TRAEFIK: Final = """\
# Traefik: ask Evict's agent before every request; system {name} ({label}).
# UNTESTED: written from Traefik's documentation and source, never run. Look with
# `evict doctor` whether a closed account is refused before you rely on it.
# front = "traefik" in the hook's section. trustForwardHeader stays false: else a client says
# itself what it asked for. Cookie and Authorization come back from the agent, or are taken out.
{said}http:
  routers:
    evict-{w}:
      rule: "{rule}"
      service: {w}
      middlewares: [evict-{w}-claims, evict-{w}]
{router}  middlewares:
    evict-{w}:
      forwardAuth:
        address: "http://{ask}/auth"
        trustForwardHeader: false
        authResponseHeaders: [Cookie, Authorization]
    evict-{w}-claims:
      headers:
        customRequestHeaders:
{claims}
  services:
    {w}:
      loadBalancer:
        servers: [{{ url: "{upstream}" }}]{own}
{service}{transport}"""

_TRAEFIK_OWN: Final = """\
  # A connection that was signed in is lent to nobody: none is kept.
  serversTransports:
    evict-{w}:
      maxIdleConnsPerHost: -1
"""

_TRAEFIK_ROUTER: Final = """\
    evict-{w}-login:
      rule: "{rule}"
      priority: 100000
      service: evict-{w}-login
      middlewares: [evict-{w}-claims]
"""

_TRAEFIK_SERVICE: Final = """\
    evict-{w}-login:
      loadBalancer:
        servers: [{{ url: "http://{login}" }}]
"""


def envoy(site: Site) -> str:
    """The HTTP filter and the routes, YAML."""
    product, login = site.settled, site.settings.login_listen
    path, _, query = product.login_path.partition("?")
    name, _, value = query.partition("=")
    asked = (
        f"\n      query_parameters: [{{ name: {name}, string_match: {{ exact: {value} }} }}]"
        if query
        else ""
    )
    removed = ", ".join(name.lower() for name in CLAIMS)
    values = {
        "said": unrouted(site),
        "w": site.word,
        "name": site.name,
        "label": product.label,
        "ask": site.settings.listen,
        "removed": removed,
        "own": "" if site.lends else _ENVOY_OWN.format(w=site.word),
        "routed": ""
        if not login
        else _ENVOY_LOGIN.format(w=site.word, path=path, asked=asked, login=login),
        "routes": "\n".join(
            f"  - match: {{ prefix: {prefix} }}\n    route: {{ cluster: {site.word} }}"
            for prefix in product.prefixes
        ),
    }
    return _ENVOY.format_map(values)


_ENVOY: Final = """\
# Envoy: ask Evict's agent before every request; system {name} ({label}).
# UNTESTED: written from Envoy's documentation and source, never run. Look with
# `evict doctor` whether a closed account is refused before you rely on it.
# front = "envoy" in the hook's section. The clusters evict_{w} ({ask}), evict_{w}_login and {w}
# are yours to define.
{own}{said}http_filters:
- name: envoy.filters.http.ext_authz
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
    failure_mode_allow: false
    http_service:
      server_uri: {{ uri: "http://{ask}", cluster: evict_{w}, timeout: 1s }}
      path_prefix: /auth
      authorization_request:
        allowed_headers:
          patterns: [{{ exact: cookie }}, {{ exact: accept }}]
      authorization_response:
        allowed_client_headers:
          patterns:
          - exact: location
          - exact: set-cookie
          - exact: www-authenticate
          - exact: cache-control
          - exact: retry-after
# the virtual host's
request_headers_to_remove: [{removed}]
routes:
{routed}{routes}
"""

_ENVOY_OWN: Final = """\
# A connection that was signed in must be lent to nobody: the cluster {w} needs
# max_requests_per_connection: 1.
"""

_ENVOY_LOGIN: Final = """\
  - match:
      path: {path}
      headers: [{{ name: ":method", string_match: {{ exact: POST }} }}]{asked}
    route: {{ cluster: evict_{w}_login }}  # {login}
    typed_per_filter_config:
      envoy.filters.http.ext_authz:
        "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
        disabled: true
"""
