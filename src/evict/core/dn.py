# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_COMMA: Final = re.compile(r"\s*(?<!\\),\s*")
_EQUALS: Final = re.compile(r"\s*=\s*", re.ASCII)


@lru_cache(8192)
def dn_key(dn: str) -> str:
    """A form that is the same for two spellings of a name: case, spaces around separators."""
    parts = _COMMA.split(dn.strip())
    return ",".join(_EQUALS.sub("=", part, count=1) for part in parts).lower()
