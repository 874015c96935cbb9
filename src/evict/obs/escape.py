# SPDX-License-Identifier: Apache-2.0
"""Makes text of strangers harmless on a terminal and in a log."""

from __future__ import annotations

import unicodedata
from typing import Final

_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def escape(text: str, *, keep: str = "") -> str:
    r"""Write control, format (bidi) and separator characters as `\u001b`; keep those in `keep`.

    A server's answer or an account's name could otherwise move the cursor, forge a line or turn
    the reading direction.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or not _is_harmful(c) else _written(c) for c in text)


def _is_harmful(char: str) -> bool:
    return unicodedata.category(char) in _CATEGORIES


def _written(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
