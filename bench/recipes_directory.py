# SPDX-License-Identifier: Apache-2.0
"""Sign-ins at the estate's directory, counted from the log that Samba keeps of them.

Spec: smb.conf(5), `log level`, class auth_audit; smbcontrol(1), `debug`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from estate.commands import run
from estate.layout import Layout

_LINE: Final = re.compile(r"^\s*Auth: \[(.*?)\] user \[[^]]*\]\\\[([^]]*)\] at \[(.*?) UTC\]")
_AT: Final = "%a, %d %b %Y %H:%M:%S.%f"


def note_sign_ins(layout: Layout) -> None:
    """From now on every sign-in is a line in Samba's log, refused ones too."""
    run("smbcontrol", "-s", layout.smb_conf, "all", "debug", "1 auth_audit:3")


def sign_ins(layout: Layout, begin_ns: int, end_ns: int, leavers: Collection[str]) -> Counter[str]:
    """Who signed in how often between two instants of time.time_ns, refused or not.

    Dovecot binds by distinguished name, and as its service account before each search. Of the
    leavers' names at the KDC only Evict's probes make use in a watch. What the leavers' clients
    bind as by themselves is left out.
    """
    seen: Counter[str] = Counter()
    for log in (layout.logs / "samba.log.old", layout.logs / "samba.log"):
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        for found in filter(None, map(_LINE.match, lines)):
            at = datetime.strptime(found[3], _AT).replace(tzinfo=UTC)
            if begin_ns <= at.timestamp() * 1e9 <= end_ns:
                seen[_who(found[1], found[2], leavers)] += 1
    del seen[""]
    return seen


def _who(how: str, user: str, leavers: Collection[str]) -> str:
    if user.startswith("CN="):
        name = user.removeprefix("CN=").partition(",")[0]
        return f"{'a leaver' if name in leavers else name}, through Dovecot"
    name = user.partition("@")[0].rstrip("\\")
    if name not in leavers:
        return name
    return "a leaver's name, at the KDC" if how.startswith("Kerberos") else ""
