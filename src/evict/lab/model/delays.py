# SPDX-License-Identifier: Apache-2.0
"""The model's numbers, read from `delays.toml`: each with its source and how sure it is."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct


class Delay(Struct, frozen=True, forbid_unknown_fields=True):
    """One number.

    Attributes:
        value: its unit ends the key's name (`_s` seconds).
        mark: the maker says so, somebody measured it, others published it, or nothing was found.
    """

    value: float
    source: str
    versions: str
    mark: Literal["documented", "measured", "reported", "assumed"]


class Delays(Struct, frozen=True, forbid_unknown_fields=True):
    """All of them; see the file."""

    user_token_ttl_s: Delay
    owa_private_timeout_s: Delay
    owa_public_timeout_s: Delay
    owa_trusted_2003_timeout_s: Delay
    owa_cookie_life_factor: Delay
    old_password_s: Delay
    features_read_s: Delay
    mapi_recheck_s: Delay
    mapi_idle_s: Delay
    heartbeat_default_s: Delay
    heartbeat_min_s: Delay
    heartbeat_max_s: Delay
    imap_idle_s: Delay
    imap_connections_per_user: Delay
    smtp_idle_s: Delay
    smtp_connection_s: Delay
    quarantine_s: Delay
    kerberos_tgt_s: Delay
    kerberos_ticket_s: Delay
    kerberos_recheck_s: Delay
    http_connection_idle_s: Delay
    move_queued_s: Delay
    move_shortest_s: Delay
    move_bytes_per_s: Delay
    move_completion_s: Delay
    browser_poll_s: Delay
    browser_use_s: Delay
    outlook_ping_s: Delay
    outlook_poll_s: Delay
    phone_retry_s: Delay
    mail_poll_s: Delay


@cache
def delays() -> Delays:
    """The numbers of this release."""
    text = files("evict.lab.model").joinpath("delays.toml").read_text()
    return msgspec.convert(tomllib.loads(text), Delays)
