# SPDX-License-Identifier: Apache-2.0
"""The login form as it is posted. Source: published reading of HttpProxy's FbaModule."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from evict.lab.http.messages import Request
from evict.lab.web.owa.answers import START

_NEEDED: Final = ("destination", "flags", "username", "password")
_PRIVATE: Final = 4
_LONGEST: Final = 2048


class LoginForm(Struct, frozen=True):
    """Attributes: `target` is the path that a login leads to."""

    target: str
    private: bool
    name: str
    password: str

    def __repr__(self) -> str:
        return f"LoginForm(name={self.name!r}, target={self.target!r})"


def read_form(request: Request) -> dict[str, str] | None:
    """Fields, of which the first of each name counts; None where it is no form."""
    try:
        text = request.body.decode("ascii")
        form = parse_qs(text, keep_blank_values=True, max_num_fields=32)
    except (UnicodeDecodeError, ValueError):
        return None
    return {name: values[0] for name, values in form.items()}


def read_login(request: Request) -> LoginForm | None:
    """All four fields are needed, and a destination on this site; None otherwise."""
    form = read_form(request)
    if form is None or any(len(form.get(name, "x" * 9999)) > _LONGEST for name in _NEEDED):
        return None
    flags = form["flags"]
    target = own_path(form["destination"], request.headers.get("host"))
    if target is None or not (flags.isascii() and flags.isdigit() and len(flags) < 6):
        return None
    return LoginForm(target, bool(int(flags) & _PRIVATE), form["username"], form["password"])


def own_path(destination: str, host: str) -> str | None:
    """Path and query of an address on this site; None where it leads elsewhere."""
    try:
        url = urlsplit(destination)
    except ValueError:
        return None
    plain = destination.isascii() and destination.isprintable() and "\\" not in destination
    if not plain or " " in destination or url.scheme not in ("", "https", "http"):
        return None
    if url.netloc.lower() not in ("", host.lower()) or (url.scheme and not url.netloc):
        return None
    path = url.path or (START if url.netloc else "")
    if not path.startswith("/") or path.startswith("//"):
        return None
    return f"{path}?{url.query}" if url.query else path
