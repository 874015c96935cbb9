# SPDX-License-Identifier: Apache-2.0
"""Files of the state folder: rendered from `estate/templates`, written with owner and mode."""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Final

from estate import layout as at
from estate.layout import Layout

POLICY_ATTRIBUTES: Final = (
    "login=%{user} requested=%{requested_username} protocol=%{service} mech=%{mechanism}"
    " remote=%{rip} session=%{session}"
)
"""What Dovecot tells the hook; no password hash.

Quirk: Dovecot 2.3.19. `login` is whoever proves who they are until they have, then the mailbox in
the directory's own spelling; `requested` is always the mailbox. They differ for `alice*witness`:
before authentication login=witness requested=alice, after it both are alice.
"""


def render(layout: Layout, template: str) -> str:
    """A file of `estate/templates` with this estate's values in it."""
    text = files("estate").joinpath("templates", template).read_text(encoding="utf-8")
    values = {
        "STATE": str(layout.state),
        "IP": layout.ip,
        "TAG": layout.tag,
        "PROBE_NETWORK": str(layout.probe_network),
        "POLICY_SOCKET": str(layout.policy_socket.relative_to(layout.queue)),
        "POLICY_ATTRIBUTES": POLICY_ATTRIBUTES,
        "DOVEADM_KEY": at.DOVEADM_KEY,
        "POLICY_KEY": at.POLICY_KEY,
        "SOGO_DSN": layout.dsn("sogo"),
        "ROUNDCUBE_DSN": layout.dsn("roundcube").replace("postgresql", "pgsql"),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def write(path: Path, text: str, mode: int, owner: str = "root", group: str = "root") -> None:
    """Write a file that nobody else can read before its mode is set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    shutil.chown(path, owner, group)
    path.chmod(mode)
