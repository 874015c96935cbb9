# SPDX-License-Identifier: Apache-2.0
"""Kinds of settings that several sections have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

CREDENTIAL: Final = {"credential": True}
"""Marks the file of a secret, which may be the bare name of a systemd credential."""

Port = Annotated[int, Meta(ge=1, le=65535)]
CaFile = Annotated[
    Path | None,
    Meta(description="Trust anchors; else the system's.", examples=["/etc/evict/ca.pem"]),
]
ServerName = Annotated[
    str | None,
    Meta(
        description="Name its certificate must carry, where not the host's.",
        examples=["mail.corp.example"],
    ),
]
