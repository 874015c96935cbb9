# SPDX-License-Identifier: Apache-2.0
"""What to paste into HAProxy's configuration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from evict.config.haproxy import HaproxyHook
from evict.systems.haproxy.places import places
from evict.systems.haproxy.products import PRODUCTS
from evict.systems.haproxy.rules import backend_rules

ProductName = Literal["sogo", "roundcube", "exchange"]

BUFFER: Final = 32768
"""Bytes of tune.bufsize: SOGo's cookie alone takes 4 KB."""

_TEXT: Final = """\
# HAProxy 2.6: Evict's agent says who is closed, HAProxy refuses by itself; system {name}.
# Check with `haproxy -c -f FILE`, then reload. Until the agent has filled the maps nobody comes in.
# These files must be there before HAProxy starts; the agent's user writes them (empty at first):
#   {files}

# Into the section `global`:
{global_}

# A section of its own:
{sections}

# Into the section{plural} `backend {backends}`, before its servers and other rules. It must be
# the only way to the servers, and have no stick table of its own:
{backend}
"""


class Parts(Struct, frozen=True, kw_only=True):
    """The configuration in pieces, each line without an indent.

    Attributes:
        global_lines: for the section `global`.
        backend_lines: for every backend that leads to the product.
        sections: whole sections that stand beside them.
        files: must be there, empty at first, before HAProxy starts; the agent writes them.
    """

    global_lines: tuple[str, ...]
    backend_lines: tuple[str, ...]
    sections: tuple[str, ...]
    files: tuple[Path, ...]


def parts(name: str, hook: HaproxyHook, product: ProductName) -> Parts:
    """The configuration for the system `name`."""
    at, what = places(name, hook), PRODUCTS[product]
    return Parts(
        global_lines=(
            f"stats socket {hook.runtime} mode 660 level admin",
            f"tune.bufsize {BUFFER}",
            "hard-stop-after 30s",
        ),
        backend_lines=tuple(backend_rules(what, hook.cookie or what.cookie, hook, at)),
        sections=(
            (f"backend {at.strangers}\n  stick-table type string len 64 size 100k expire 1h",)
            if what.strangers
            else ()
        ),
        files=at.maps,
    )


def snippet(name: str, hook: HaproxyHook, product: ProductName) -> str:
    """What to paste for the system `name`."""
    of, at = parts(name, hook, product), places(name, hook)
    return _TEXT.format(
        name=name,
        files="\n#   ".join(map(str, of.files)),
        global_=_indented(of.global_lines),
        sections="\n".join(of.sections) or "# (none)",
        plural="s" if len(at.backends) > 1 else "",
        backends="`, `backend ".join(at.backends),
        backend=_indented(of.backend_lines),
    )


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)
