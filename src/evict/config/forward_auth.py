# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from evict.config.kinds import CaFile


class ForwardAuthHook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The balancer or reverse proxy in front asks the agent before each request (auth_request)."""

    listen: Annotated[
        str,
        Meta(
            description="host:port of the sub-request, or the path of a socket file, over which"
            " nginx and Caddy on the same host ask at less cost.",
            examples=["127.0.0.1:4003"],
        ),
    ]
    socket_group: Annotated[
        str | None,
        Meta(
            description="Group that may connect to the socket file (the front's).",
            examples=["www-data"],
        ),
    ] = None
    front: Annotated[
        str,
        Meta(
            description="Who asks: nginx (or a balancer that asks as nginx does), caddy, traefik or"
            " envoy. It decides in which header the agent reads what was asked for; every other"
            " header that claims it is passed over.",
            pattern="^(nginx|caddy|traefik|envoy)$",
        ),
    ] = "nginx"
    login_listen: Annotated[
        str | None,
        Meta(
            description="host:port to which the front routes the login: a cookie is known by"
            " whose login it came from; leave it out where no cookie signs in.",
            examples=["127.0.0.1:4004"],
        ),
    ] = None
    login_upstream: Annotated[
        Annotated[str, Meta(pattern="^https?://[^/]+$")] | None,
        Meta(
            description="Where the agent carries a login to.",
            examples=["https://ex01.corp.example"],
        ),
    ] = None
    login_path: Annotated[
        str | None,
        Meta(
            description="Target of the login, query included; else the product's own.",
            examples=["/owa/auth.owa"],
        ),
    ] = None
    login_kind: Annotated[
        Annotated[str, Meta(pattern="^(form|json)$")] | None,
        Meta(description="How the login is written; else as the product does.", examples=["form"]),
    ] = None
    login_field: Annotated[
        str | None,
        Meta(
            description="Field that has the login name; else the product's own.",
            examples=["username"],
        ),
    ] = None
    login_page: Annotated[
        str | None,
        Meta(
            description="Where whoever is not known is sent; else the product's own.",
            examples=["/owa/auth/logon.aspx?reason=0"],
        ),
    ] = None
    open_paths: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="Paths that need no identity: the login page itself. One that ends with a"
            " slash is a beginning, any other is exactly that target.",
            examples=[("/owa/auth/",)],
        ),
    ] = None
    cookie: Annotated[
        str | None,
        Meta(
            description="Name of the cookie that signs in; else the product's own.",
            examples=["cadata"],
        ),
    ] = None
    ca_file: CaFile = None
    server_name: Annotated[
        str | None,
        Meta(
            description="Name the upstream's certificate must carry, where not the host's.",
            examples=["mail.corp.example"],
        ),
    ] = None
    runtime: Annotated[
        str | None,
        Meta(
            description="The front's runtime socket (path, or host:port): live requests of a"
            " revoked account are ended through it.",
            examples=["/run/balancer/runtime.sock"],
        ),
    ] = None
    unidentified: Annotated[
        str,
        Meta(
            description="pass or refuse: what becomes of NTLM and Kerberos, which sign in a"
            " connection that the front cannot see into, and of requests of nobody.",
            pattern="^(pass|refuse)$",
        ),
    ] = "pass"
