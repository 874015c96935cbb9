# SPDX-License-Identifier: Apache-2.0
"""When what somebody has open would close by itself after a plain disable, by the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from evict.lab.model.words import How, Pool, Protocol

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation


class Prediction(Struct, frozen=True, kw_only=True):
    """Seconds of the organisation's clock.

    Attributes:
        idle_model_s: closed after that if it is not used any more; None: never.
        used_model_s: closed after that however often it is used; None: never.
        rule: which rule says so.
    """

    what: str
    protocol: str
    server: str
    idle_model_s: float | None
    used_model_s: float | None
    rule: str


def predict(organisation: Organisation, sam: str) -> list[Prediction]:
    """Live sessions and tokens of one account."""
    now = organisation.now()
    made = [
        Prediction(
            what="session",
            protocol=session.protocol,
            server=session.server,
            idle_model_s=None if session.idle_s is None else session.used_at + session.idle_s - now,
            used_model_s=None if session.ends_at is None else session.ends_at - now,
            rule=_rule(session.protocol),
        )
        for session in organisation.sessions.of(sam)
    ]
    for server in organisation.servers.values():
        for pool in Pool:
            made += [
                Prediction(
                    what="token",
                    protocol=pool,
                    server=server.name,
                    idle_model_s=token.used + token.ttl_s - now if token.ttl_s else None,
                    used_model_s=None,
                    rule="UserTokenTTL counts from the last use",
                )
                for token in server.caches[pool].of(sam, now)
            ]
    return made


def _rule(protocol: Protocol) -> str:
    if protocol is Protocol.SMTP:
        return "ConnectionTimeout of the receive connector (assumed)"
    if protocol in (Protocol.IMAP, Protocol.POP3):
        return "AuthenticatedConnectionTimeout, counted from the last command"
    if protocol is Protocol.ACTIVESYNC:
        return "the Ping's heartbeat"
    return f"idle time of a {protocol} context; {How.BASIC} sign-ins go through the token cache"
