# SPDX-License-Identifier: Apache-2.0
"""For each claim, how to switch off what of the model shows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from evict.lab.model import organisation, tokens
from evict.lab.model.administration import Administration
from evict.lab.model.delays import delays
from evict.lab.model.features import FEATURE_OF
from evict.lab.model.mail import Mail
from evict.lab.model.mobile import Mobile
from evict.lab.model.moves import Moves
from evict.lab.model.profile import Profile
from evict.lab.model.restarts import Restarts
from evict.lab.model.servers import ClientAccess
from evict.lab.model.sessions import Sessions
from evict.lab.model.signin import SignIn
from evict.lab.model.store import Store
from evict.lab.model.tickets import Tickets
from evict.lab.model.tokens import Token, TokenCache
from evict.lab.model.words import Denial, Denied, ModelError, Pool, Protocol

Patch = pytest.MonkeyPatch
Sabotage = Callable[[Patch], None]


def delay(**values: float) -> Sabotage:
    """Another number in `delays.toml`."""

    def spoil(patch: Patch) -> None:
        real = delays()
        changed = {
            name: msgspec.structs.replace(getattr(real, name), value=value)
            for name, value in values.items()
        }
        spoiled = msgspec.structs.replace(real, **changed)
        patch.setattr(organisation, "delays", lambda: spoiled)

    return spoil


def replaced(owner: type, name: str, instead: Callable[..., Any]) -> Sabotage:
    return lambda patch: patch.setattr(owner, name, instead)


def _does_not_slide(cache: TokenCache, name: str, password: str, now: float) -> Token | None:
    token = cache._tokens.get(tokens._key(name, password))
    return token if token is not None and token.lives(now) else None


def _touches_old_tokens(admin: Administration, server: str, seconds: float) -> None:
    front = admin._organisation.server(server)
    front.token_ttl_s = seconds
    for cache in front.caches.values():
        for token in cache._tokens.values():
            token.ttl_s = seconds


def _one_cache_for_all(patch: Patch) -> None:
    real = SignIn.basic
    patch.setattr(SignIn, "basic", lambda self, _, *rest: real(self, "ex01", *rest))


def _services_without_tokens(patch: Patch) -> None:
    real = SignIn.basic

    def basic(self: SignIn, server: str, pool: Pool, name: str, password: str) -> object:
        if pool is Pool.SERVICES:
            return self.direct(server, name, password)
        return real(self, server, pool, name, password)

    patch.setattr(SignIn, "basic", basic)


def _inside_ends(patch: Patch) -> None:
    """Everything inside looks at the account each time."""
    real = Tickets.accept

    def accept(self: Tickets, server: str, ticket: Any) -> object:
        if not self._directory.accounts[ticket.sam].enabled:
            return Denied(Denial.ACCOUNT_DISABLED)
        return real(self, server, ticket)

    patch.setattr(Tickets, "accept", accept)
    patch.setattr(Store, "recheck_s", lambda *_: 0.0)


def _console_finds_self(admin: Administration, name: str, user: str, rights: Any) -> object:
    return admin.add_permission(name, user, rights)


def _console_never_finds_self(*_: object) -> object:
    raise ModelError("not-found", "there is no such object")


def _always_forced(patch: Patch) -> None:
    real = Restarts.iisreset
    patch.setattr(Restarts, "iisreset", lambda self, server, **_: real(self, server, force=True))


def _one_worker_for_all(patch: Patch) -> None:
    real = Restarts.recycle

    def recycle(self: Restarts, server: str, pool: Pool) -> int:
        assert pool in Pool
        return sum(real(self, server, each) for each in Pool)

    patch.setattr(Restarts, "recycle", recycle)


def _server_keeps_sessions(patch: Patch) -> None:
    real = Profile.has
    patch.setattr(
        Profile, "has", lambda self, what: what != "self-contained-cookie" and real(self, what)
    )


def _knows_its_phones(patch: Patch) -> None:
    """No second partnership for a mailbox that somebody has signed in to."""
    real = Mobile.contact

    def contact(self: Mobile, box: Any, device: Any, blocked: Any) -> object:
        if device.device_id not in box.devices and box.last_logon is not None:
            return Denied(Denial.DEVICE_BLOCKED)
        return real(self, box, device, blocked)

    patch.setattr(Mobile, "contact", contact)


_STIFF = replaced(TokenCache, "find", _does_not_slide)

SABOTAGE: dict[str, Sabotage] = {
    "token-fifteen-minutes": delay(user_token_ttl_s=600),
    "token-hours": _STIFF,
    "other-browsers-longer": _STIFF,
    "ttl-new-tokens-only": replaced(Administration, "set_token_ttl", _touches_old_tokens),
    "short-ttl-more-sign-ins": replaced(Token, "lives", lambda *_: True),
    "short-ttl-resends-credentials": _STIFF,
    "tokens-replicated": _one_cache_for_all,
    "activesync-a-day": _STIFF,
    "old-and-new-passwords": lambda patch: patch.setattr(
        tokens, "_key", lambda name, _: name.encode()
    ),
    "previous-password-over-ntlm": delay(old_password_s=0),
    "kerberos-ten-hours": delay(kerberos_ticket_s=600),
    "inside-at-once": _inside_ends,
    "outside-all-but-owa-and-activesync": _services_without_tokens,
    "outlook-two-hours": replaced(Store, "recheck_s", lambda *_: math.inf),
    "mail-connections-go-on": replaced(Store, "recheck_s", lambda *_: 0.0),
    "features-off-without-a-session": delay(features_read_s=0),
    "features-off-not-submission": lambda patch: patch.setitem(FEATURE_OF, Protocol.SMTP, "imap"),
    "self-off-fifteen-minutes": replaced(Store, "_own", lambda *_: True),
    "self-back-by-the-shell": replaced(
        Administration, "add_permission_by_console", _console_finds_self
    ),
    "mailbox-made-again-2003": replaced(
        Administration, "add_permission_by_console", _console_never_finds_self
    ),
    "delegates-stay": replaced(Store, "_full", lambda *_: False),
    "entries-off-and-move-2013": replaced(Moves, "locked", lambda *_: False),
    "move-ends-logons": replaced(Administration, "lock", lambda *_: None),
    "restart-every-server": replaced(ClientAccess, "restart", lambda *_: None),
    "unforced-restart-fails": _always_forced,
    "restart-disturbs-others": replaced(Sessions, "at", lambda *_: []),
    "pools-one-by-one": _one_worker_for_all,
    "recycle-alone-ends-nothing": _server_keeps_sessions,
    "quarantine-at-once": replaced(Administration, "_end_on", lambda *_: None),
    "quarantine-returns-mail": replaced(Mail, "_bounce", lambda *_: None),
    "quarantine-a-day": delay(quarantine_s=60),
    "partnership-made-again": _knows_its_phones,
    "rules-go-on": replaced(Mail, "_arrive", lambda _, box, message, __: box.put("Inbox", message)),
}
