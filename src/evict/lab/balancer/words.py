# SPDX-License-Identifier: Apache-2.0
"""What a balancer is told."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

LOGIN_PATH: Final = "/owa/auth.owa"


class Upstream(Struct, frozen=True, kw_only=True):
    """One client access server.

    Attributes:
        server_name: that its certificate must carry.
    """

    name: str
    host: str
    port: int
    server_name: str = ""


class HookAddress(Struct, frozen=True, kw_only=True):
    """Where the answerer of questions listens.

    Attributes:
        login_port: where logins are carried; 0: they go to the servers like everything else.
        timeout_s: without an answer by then the request is refused.
    """

    host: str
    port: int
    login_host: str = ""
    login_port: int = 0
    login_path: str = LOGIN_PATH
    cookie: str = "cadata"
    timeout_s: float = 2.0
