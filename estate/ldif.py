# SPDX-License-Identifier: Apache-2.0
"""Changes to the directory as LDIF (RFC 2849): for ldapmodify, and for ldbmodify offline."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence


def add(dn: str, attributes: Mapping[str, str | bytes | Sequence[str]]) -> str:
    """One new object; values are sent in base64, so that any text may stand in them."""
    lines = [dn_line(dn), "changetype: add"]
    for name, value in attributes.items():
        values = [value] if isinstance(value, str | bytes) else value
        lines += [_line(name, each) for each in values]
    return "\n".join(lines) + "\n\n"


def modify(dn: str, attributes: Mapping[str, str | bytes | Sequence[str]]) -> str:
    """Replace these attributes; an empty list removes one."""
    lines = [dn_line(dn), "changetype: modify"]
    for name, value in attributes.items():
        values = [value] if isinstance(value, str | bytes) else value
        lines += [f"replace: {name}", *(_line(name, each) for each in values), "-"]
    return "\n".join(lines) + "\n\n"


def add_value(dn: str, name: str, values: Iterable[str]) -> str:
    """Add values to an attribute that may have some."""
    lines = [dn_line(dn), "changetype: modify", f"add: {name}"]
    return "\n".join([*lines, *(_line(name, each) for each in values), "-"]) + "\n\n"


def delete(dn: str) -> str:
    return f"{dn_line(dn)}\nchangetype: delete\n\n"


def unicode_pwd(password: str) -> bytes:
    """As the directory wants it: in quotes, UTF-16 (MS-ADTS 3.1.1.3.1.5.1)."""
    return f'"{password}"'.encode("utf-16-le")


def dn_line(dn: str) -> str:
    """The line that says which object a change is for."""
    return _line("dn", dn)


def _line(name: str, value: str | bytes) -> str:
    data = value.encode() if isinstance(value, str) else value
    return f"{name}:: {base64.b64encode(data).decode()}"
