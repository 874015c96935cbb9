# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from estate.commands import run
from estate.layout import MAIL_HOST, REALM, Layout
from estate.people import Person


def take_ticket(layout: Layout, person: Person, *, owner: str) -> Path:
    """As the person: take a service ticket for IMAP into a file that only `owner` can read."""
    handle, name = tempfile.mkstemp(prefix="krb5cc-", dir=layout.state)
    os.close(handle)
    path = Path(name)
    env = {"KRB5_CONFIG": str(layout.krb5_config)}
    run("kinit", "-c", path, f"{person.name}@{REALM}", stdin=person.password + "\n", env=env)
    run("kvno", "-q", "-c", path, f"imap/{MAIL_HOST}@{REALM}", env=env)
    shutil.chown(path, owner, owner)
    return path
