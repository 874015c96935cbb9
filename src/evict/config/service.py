# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from evict.config.kinds import CREDENTIAL


class HttpSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The control plane over HTTP: /healthz, /readyz, /metrics, and orders with a token."""

    listen: Annotated[
        str | None,
        Meta(
            description="address:port. Other than loopback only with a certificate.",
            examples=["127.0.0.1:9471"],
        ),
    ] = None
    certificate_file: Annotated[
        Path | None, Meta(description="Its chain (PEM).", examples=["/etc/evict/http.pem"])
    ] = None
    key_file: Annotated[
        Path | None,
        Meta(description="Its key (PEM).", examples=["/etc/evict/http.key"], extra=CREDENTIAL),
    ] = None
