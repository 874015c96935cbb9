# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_COMMA: Final = re.compile(r"\s*(?<!\\),\s*")
_EQUALS: Final = re.compile(r"\s*=\s*", re.ASCII)


def is_below(key: str, top: str) -> bool:
    """Whether one name (of `dn_key`) lies below another.

    A comma inside a name is escaped (RFC 4514 section 2.4), so it cannot end a longer one.
    """
    return key.endswith(f",{top}") and not key.endswith(f"\\,{top}")


@lru_cache(8192)
def dn_key(dn: str) -> str:
    """A form that is the same for two spellings of a name: case, spaces around separators."""
    parts = _COMMA.split(dn.strip())
    return ",".join(_EQUALS.sub("=", part, count=1) for part in parts).lower()
