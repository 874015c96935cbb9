# SPDX-License-Identifier: Apache-2.0
"""Reads text that the library would refuse to read.

Spec: MS-PSRP section 2.2.5.3.2 (a UTF-16 unit that XML cannot carry is written `_xHHHH_`).
"""

from __future__ import annotations

import re
from typing import Final

from pypsrp.powershell import RunspacePool
from pypsrp.serializer import Serializer

_UNIT: Final = re.compile("_x([0-9A-Fa-f]{4})_")


class LenientSerializer(Serializer):
    """Half a surrogate pair is read as U+FFFD.

    Quirk: pypsrp 0.9.1 raises on it, and the whole answer is lost: the name of one inbox rule
    would keep everybody from reading the mailbox's rules.
    """

    def _deserialize_string(self, value: str | None) -> str:
        return read_text(value or "")


def read_text(written: str) -> str:
    units = _UNIT.sub(lambda unit: chr(int(unit[1], 16)), written)
    return units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def lenient(pool: RunspacePool) -> RunspacePool:
    """The pool, before it is opened, with this reader in place of its own."""
    serializer = LenientSerializer()
    setattr(pool, "_serializer", serializer)  # noqa: B010 - it has no public word for either
    getattr(pool, "_fragmenter").serializer = serializer  # noqa: B009 - as above
    return pool
