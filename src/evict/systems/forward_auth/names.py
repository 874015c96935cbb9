# SPDX-License-Identifier: Apache-2.0
"""What a login name at IIS may stand for, beyond what a name may stand for anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote

from evict.core.names import try_canonical

Decide = Callable[[bytes, bytes], bool | None]
"""(login name, mechanism) -> may come in; None: nobody may, for now."""

MECHANISM: Final = b"PLAIN"
"""A password was shown: Basic, or a form. What is carried by Kerberos is never seen here."""


def spelled(login: bytes) -> tuple[bytes, ...]:
    r"""Every name to look for; looking at too many can only refuse.

    `DOMAIN/user` is taken for `DOMAIN\user`, and no domain or `.` for the server's own (assumed of
    IIS's Basic authentication).
    """
    if b"/" not in login and b"\\" not in login:
        return (login,)
    turned = login.replace(b"/", b"\\")
    domain, _, user = turned.rpartition(b"\\")
    names = [login]
    if turned != login:
        names.append(turned)
    if user != turned and domain in (b"", b"."):
        names.append(user)
    return tuple(names)


def may_enter(decide: Decide, login: bytes) -> bool | None:
    """Whether none of its spellings is refused; None: nobody may, for now."""
    names = spelled(login)
    if len(names) == 1:
        return decide(login, MECHANISM)
    answers = [decide(name, MECHANISM) for name in names]
    return None if None in answers else all(answers)


def shown(login: bytes) -> str | None:
    """The canonical name as a header or a line of words carries it; None where it has none."""
    try:
        canonical = try_canonical(login.decode())
    except UnicodeDecodeError:
        return None
    return None if canonical is None else quote(canonical, safe="@._-")


def read_shown(text: str) -> str:
    """The name that `shown` wrote."""
    return unquote(text, errors="replace")
