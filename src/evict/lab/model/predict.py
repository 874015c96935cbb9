# SPDX-License-Identifier: Apache-2.0
"""When what somebody has open would close by itself after a plain disable, by the model's rules.

Nothing is changed or used by asking. "Closes" means: a client that is in is out, and a new sign-in
with the same credentials is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from evict.lab.model.words import POOLS, Pool, Protocol

if TYPE_CHECKING:
    from evict.lab.model.organisation import Organisation
    from evict.lab.model.servers import ClientAccess
    from evict.lab.model.sessions import Session

_PROTOCOL_OF = {pool: protocol for protocol, pool in POOLS.items()}


class Prediction(Struct, frozen=True, kw_only=True):
    """Seconds of the organisation's clock from now.

    Attributes:
        what: "session", "token", "cookie", "ticket" or "connection".
        protocol: the door; a token's pool where that serves no door of its own.
        used_model_s: closed after that however its client uses it; None: never while it is used.
        idle_model_s: closed after that where nobody uses it; None: never.
        rule: which number decides, by its name in `delays.toml`.
        why: the same in words.
    """

    what: str
    protocol: str
    server: str
    used_model_s: float | None
    idle_model_s: float | None
    rule: str
    why: str

    @property
    def closes_after_s(self) -> float | None:
        """When its door shuts while its client goes on as clients do; None: never by itself."""
        return self.used_model_s


def predict(organisation: Organisation, sam: str) -> list[Prediction]:
    """Everything live of one account that would let it in although the account were disabled."""
    now = organisation.now()
    made = [_session(organisation, session, now) for session in organisation.sessions.of(sam)]
    for server in organisation.servers.values():
        made += _tokens(server, sam, now)
    made += _cookie(organisation, sam, now)
    made += _tickets(organisation, sam, now)
    return made


def doors(predictions: Iterable[Prediction]) -> dict[str, Prediction]:
    """For each door what keeps it open longest: something that never closes, else the last."""
    found: dict[str, Prediction] = {}
    for each in predictions:
        known = found.get(each.protocol)
        if known is None or _lasts(each) > _lasts(known):
            found[each.protocol] = each
    return found


def _lasts(prediction: Prediction) -> tuple[float, float]:
    used, idle = prediction.used_model_s, prediction.idle_model_s
    return (math.inf if used is None else used, math.inf if idle is None else idle)


def _session(organisation: Organisation, session: Session, now: float) -> Prediction:
    """A live one is not looked at again but where `Store.recheck_s` says so."""
    ends = [] if session.ends_at is None else [session.ends_at - now]
    rests = [] if session.idle_s is None else [session.used_at + session.idle_s - now]
    again = session.checked_at + organisation.store.recheck_s(session.protocol) - now
    used = ends if math.isinf(again) else [*ends, max(again, 0.0)]
    rule, why = _session_rule(session, again)
    return Prediction(
        what="session",
        protocol=session.protocol,
        server=session.server,
        used_model_s=min(used, default=None),
        idle_model_s=min((*ends, *rests), default=None),
        rule=rule,
        why=why,
    )


def _session_rule(session: Session, again: float) -> tuple[str, str]:
    if session.protocol is Protocol.SMTP:
        return "smtp_connection_s", "the receive connector ends it, in use or not (assumed)"
    if session.protocol in (Protocol.IMAP, Protocol.POP3):
        return "imap_idle_s", "it ends after resting; a command begins that anew"
    if session.protocol is Protocol.ACTIVESYNC and session.holds_request:
        return "heartbeat_default_s", "the Ping ends with its heartbeat; the phone sends another"
    if not math.isinf(again):
        return "mapi_recheck_s", "Outlook's logon is looked at again"
    return "mapi_idle_s", "a context ends after resting; a request begins that anew"


def _tokens(server: ClientAccess, sam: str, now: float) -> Iterator[Prediction]:
    for pool in Pool:
        for token in server.caches[pool].of(sam, now):
            yield Prediction(
                what="token",
                protocol=_PROTOCOL_OF.get(pool, pool),
                server=server.name,
                used_model_s=None,
                idle_model_s=token.used + token.ttl_s - now if token.ttl_s else None,
                rule="user_token_ttl_s",
                why="each use begins the token's time anew",
            )


def _cookie(organisation: Organisation, sam: str, now: float) -> Iterator[Prediction]:
    """Of itself it opens nothing: it signs in through the token cache of the server it is sent to.

    So an open page ends with the cookie where nobody touches it, although it asks by itself; and
    never where somebody does, as the cookie is renewed.
    """
    cookie = organisation.signin.last_cookie.get(sam)
    if cookie is None:
        return
    private = "owa_private_timeout_s" if cookie.private else "owa_public_timeout_s"
    ends = cookie.expires
    if cookie.session:
        kept = organisation.servers[cookie.server].sessions.get(cookie.session)
        if kept is None:
            return
        ends = kept.used + kept.timeout_s
    held = any(
        server.caches[Pool.OWA].of(sam, now)
        for server in organisation.servers.values()
        if not cookie.session or server.name == cookie.server
    )
    if now < ends and held:
        yield Prediction(
            what="cookie",
            protocol=Protocol.OWA,
            server=cookie.server or "*",
            used_model_s=None,
            idle_model_s=ends - now,
            rule=private,
            why="a page that asks by itself keeps the token; only a person's act renews the cookie",
        )


def _tickets(organisation: Organisation, sam: str, now: float) -> Iterator[Prediction]:
    for ticket in organisation.tickets.issued.get(sam, ()):
        if now < ticket.expires:
            yield Prediction(
                what="ticket",
                protocol="kerberos",
                server=ticket.server,
                used_model_s=ticket.expires - now,
                idle_model_s=ticket.expires - now,
                rule="kerberos_ticket_s",
                why="the server takes a ticket without asking the KDC",
            )
    for bound in organisation.tickets.of(sam):
        rest = organisation.delays.http_connection_idle_s.value
        yield Prediction(
            what="connection",
            protocol=_PROTOCOL_OF.get(bound.pool, bound.pool),
            server=bound.server,
            used_model_s=None,
            idle_model_s=bound.used + rest - now,
            rule="http_connection_idle_s",
            why="who signed in on a connection stays so until it ends",
        )
