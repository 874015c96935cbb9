# SPDX-License-Identifier: Apache-2.0
"""Of user tokens: how long one lives, what keeps it alive, where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from evict.lab.claims.seen import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    QUARTER_S,
    Demonstration,
    Found,
    Seen,
    every,
    expect,
    span,
)
from evict.lab.claims.stage import SERVERS, Knock, Stage, ends_after_s, until_refused_s
from evict.lab.model.profile import Version
from evict.lab.model.words import Pool, Protocol

_SHORT_S: Final = 5 * MINUTE_S


def fifteen_minutes(version: Version) -> Seen:
    def prepare() -> tuple[Stage, Knock]:
        stage = Stage(version)
        stage.signed_in(Protocol.ACTIVESYNC)
        stage.disable()
        return stage, stage.knock

    ends = ends_after_s(prepare)
    expect(ends == QUARTER_S, f"refused {span(ends)} after the last use")
    text = f"refused {span(ends)} after the last use, not at {span(QUARTER_S - 1)}"
    return Seen(Found.AS_CLAIMED, text)


def _keeps_coming(version: Version, every_s: int) -> int | None:
    stage = Stage(version)
    stage.signed_in(Protocol.ACTIVESYNC)
    stage.disable()
    return until_refused_s(stage, stage.knock, every_s)


def hours(version: Version) -> Seen:
    often_s, seldom_s = 10 * MINUTE_S, 16 * MINUTE_S
    often, seldom = _keeps_coming(version, often_s), _keeps_coming(version, seldom_s)
    expect(often is None, f"coming back every {span(often_s)}: refused after {span(often)}")
    expect(seldom == seldom_s, f"coming back every {span(seldom_s)}: refused after {span(seldom)}")
    return Seen(
        Found.AS_CLAIMED,
        f"coming back every {span(often_s)}: still let in {span(DAY_S)} after the account was "
        f"disabled; every {span(seldom_s)}: refused the first time",
    )


def new_tokens_only(version: Version) -> Seen:
    """Only a restart reads the new value, and it takes the old tokens with it."""

    def prepare(*, restarted: bool) -> Callable[[], tuple[Stage, Knock]]:
        def made() -> tuple[Stage, Knock]:
            stage = Stage(version)
            if not restarted:
                stage.signed_in(Protocol.ACTIVESYNC)
            stage.org.set_token_ttl("ex01", _SHORT_S)
            if restarted:
                stage.recycle(Pool.SYNC)
                stage.signed_in(Protocol.ACTIVESYNC)
            stage.disable()
            return stage, stage.knock

        return made

    before, after = ends_after_s(prepare(restarted=False)), ends_after_s(prepare(restarted=True))
    text = (
        f"the lifetime set to {span(_SHORT_S)}: a token from before lived {span(before)}, "
        f"one made after the restart {span(after)}"
    )
    expect((before, after) == (QUARTER_S, _SHORT_S), text)
    return Seen(Found.AS_CLAIMED, text)


def _sign_ins_per_hour(version: Version, ttl_s: float, every_s: int) -> int:
    """How often the directory is asked for one client."""
    stage = Stage(version)
    for server in SERVERS:
        stage.org.set_token_ttl(server, ttl_s)
        stage.org.iisreset(server, force=True)
    before = stage.org.directory.sign_ins
    for _ in range(HOUR_S // every_s):
        stage.knock()
        stage.wait(every_s)
    return stage.org.directory.sign_ins - before


def more_sign_ins(version: Version) -> Seen:
    every_s = 10 * MINUTE_S
    long = _sign_ins_per_hour(version, QUARTER_S, every_s)
    short = _sign_ins_per_hour(version, _SHORT_S, every_s)
    text = (
        f"sign-ins an hour at the directory, of a client that comes back every {span(every_s)}: "
        f"{long} with {span(QUARTER_S)}, {short} with {span(_SHORT_S)}"
    )
    expect(short >= 2 * long > 0, text)
    return Seen(Found.AS_CLAIMED, text)


def credentials_every_lifetime(version: Version) -> Seen:
    seen = _sign_ins_per_hour(version, _SHORT_S, MINUTE_S)
    claimed = HOUR_S // _SHORT_S
    text = (
        f"with {span(_SHORT_S)}, the sign-ins an hour of a page that asks every {every(MINUTE_S)}: "
        f"{seen} at the directory, not {claimed}"
    )
    if seen == claimed:
        return Seen(Found.AS_CLAIMED, f"{seen} sign-ins an hour with {span(_SHORT_S)}")
    expect(seen == 1, text)
    return Seen(Found.OTHERWISE, text)


def replicated(version: Version) -> Seen:
    stage = Stage(version)
    stage.signed_in(Protocol.ACTIVESYNC)
    stage.disable()
    here, there = (stage.knock(server=server) for server in SERVERS)
    expect(here is None, f"refused at the server of the sign-in: {here}")
    if there is None:
        return Seen(Found.AS_CLAIMED, "let in also at a server without a sign-in")
    text = f"let in at {SERVERS[0]}, where the leaver had signed in, and refused at {SERVERS[1]}"
    return Seen(Found.OTHERWISE, text)


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "fifteen-minutes": fifteen_minutes,
    "hours": hours,
    "new-tokens-only": new_tokens_only,
    "more-sign-ins": more_sign_ins,
    "credentials-every-lifetime": credentials_every_lifetime,
    "replicated": replicated,
}
