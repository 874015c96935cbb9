# SPDX-License-Identifier: Apache-2.0
"""What Caddy is to be told. Tried with Caddy 2.6.2."""

from __future__ import annotations

from typing import Final

from evict.systems.forward_auth.products import Product
from evict.systems.forward_auth.site import CLAIMS, Site, unrouted


def caddy(site: Site) -> str:
    """A site block."""
    product, login = site.settled, site.settings.login_listen
    path, _, query = product.login_path.partition("?")
    routed = ""
    if login:
        matcher = [f"\t\t\tpath {path}", "\t\t\tmethod POST"]
        matcher += [f"\t\t\tquery {query}"] if query else []
        routed = (
            "\t\t# The login goes through the agent, which learns whose cookie it is.\n"
            "\t\t@login {\n" + "\n".join(matcher) + "\n\t\t}\n"
            f"\t\treverse_proxy @login {login}\n"
        )
    values = {
        "said": unrouted(site),
        "name": site.name,
        "label": product.label,
        "host": site.host,
        "paths": " ".join(_caddy_paths(product)),
        "routed": routed,
        "ask": f"unix/{site.settings.listen}" if site.over_file else site.settings.listen,
        "claims": "\n".join(f"\t\trequest_header -{name}" for name in _claims()),
        "moved": "".join(_moved(prefix, place) for prefix, place in product.moved),
        "upstream": site.upstream,
        "transport": _transport(site),
    }
    return _CADDY.format_map(values)


def _claims() -> list[str]:
    """Caddy hands names with underscores on, which CGI reads as if they had hyphens."""
    return [spelled for name in CLAIMS for spelled in (name, name.replace("-", "_"))]


def _caddy_paths(product: Product) -> list[str]:
    return [f"{prefix}*" for prefix in product.prefixes]


def _moved(prefix: str, place: str) -> str:
    before = place.removesuffix(prefix)
    return f"\t\t@moved path {prefix}*\n\t\trewrite @moved {before}{{uri}}\n"


def _transport(site: Site) -> str:
    """How Caddy speaks with the server behind. By itself it looks at a certificate."""
    lines = [] if site.lends else ["keepalive off"]
    if site.upstream.startswith("https://"):
        lines.append(f"tls_server_name {site.settings.server_name or site.host}")
        if site.settings.ca_file:
            lines.append(f"tls_trusted_ca_certs {site.settings.ca_file}")
    if not lines:
        return ""
    inner = "".join(f"\t\t\t\t{line}\n" for line in lines)
    return f" {{\n\t\t\ttransport http {{\n{inner}\t\t\t}}\n\t\t}}"


_CADDY: Final = """\
# Caddy: ask Evict's agent before every request; system {name} ({label}). Tried with Caddy 2.6.2.
# Caddy refuses (502) while the agent does not answer. front = "caddy" in the hook's section.
{said}{host} {{
	@evict path {paths}
	route @evict {{
{routed}{claims}
		forward_auth {ask} {{
			uri /auth?
			copy_headers X-Evict-Nobody
			transport http {{
				dial_timeout 1s
				response_header_timeout 1s
			}}
		}}
		@nobody header X-Evict-Nobody 1
		request_header @nobody -Cookie
		request_header @nobody -Authorization
		request_header -X-Evict-Nobody
{moved}		reverse_proxy {upstream}{transport}
	}}
}}
"""
