# SPDX-License-Identifier: Apache-2.0
"""Writes TOML values. The standard library only reads them."""

from __future__ import annotations

import json
from pathlib import Path


def value(item: object) -> str:
    """One value on one line.

    Spec: TOML 1.0.0, String: a basic string escapes like JSON, and U+007F too.
    """
    match item:
        case bool():
            return "true" if item else "false"
        case int() | float():
            return repr(item)
        case str() | Path():
            return json.dumps(str(item), ensure_ascii=False).replace("\x7f", "\\u007F")
        case list() | tuple():
            return "[" + ", ".join(value(i) for i in item) + "]"
        case _:
            raise TypeError(f"no setting is a {type(item).__name__}")
