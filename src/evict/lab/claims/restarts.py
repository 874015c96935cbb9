# SPDX-License-Identifier: Apache-2.0
"""Of restarts: where they have to be, whether they succeed, and whom they disturb."""

from __future__ import annotations

from typing import Final

from evict.lab.claims.seen import HOUR_S, MINUTE_S, Demonstration, Found, Seen, expect
from evict.lab.claims.stage import BYSTANDER, PASSWORD, SERVERS, Page, Stage
from evict.lab.clients.browser import Browser
from evict.lab.clients.outlook import Outlook
from evict.lab.clients.phone import Phone
from evict.lab.model.profile import Version
from evict.lab.model.words import ModelError, Pool, Protocol

_RUNS: Final = 20


def _in_after_restarts(version: Version, seed: int, servers: tuple[str, ...]) -> bool:
    """A client that the balancer leads about for an hour; whether it is let in afterwards."""
    stage = Stage(version, seed=seed)
    dice = stage.place.dice_for("balancer")
    at = stage.place.any_server(dice)
    for _ in range(HOUR_S // (5 * MINUTE_S)):
        at = stage.place.next_server(at, dice)
        expect(stage.knock(server=at) is None, "not let in to begin with")
        stage.wait(5 * MINUTE_S)
    stage.disable()
    for server in servers:
        stage.org.iisreset(server, force=True)
    tries = []
    for _ in range(5):
        at = stage.place.next_server(at, dice)
        tries.append(stage.knock(server=at) is None)
    return any(tries)


def all_servers(version: Version) -> Seen:
    one = sum(_in_after_restarts(version, seed, SERVERS[:1]) for seed in range(_RUNS))
    both = sum(_in_after_restarts(version, seed, SERVERS) for seed in range(_RUNS))
    text = (
        f"one of {len(SERVERS)} servers restarted: let in through the other in {one} of {_RUNS} "
        f"runs; both: in {both}"
    )
    expect(one > 0 and both == 0, text)
    return Seen(Found.AS_CLAIMED, text)


def unforced_fails(version: Version) -> Seen:
    stage = Stage(version)
    stage.signed_in(Protocol.ACTIVESYNC)
    stage.disable()
    stage.org.server("ex01").stops_late = True
    said = ""
    try:
        stage.org.iisreset("ex01", force=False)
    except ModelError as error:
        said = error.text.rstrip(".")
    expect(bool(said), "iisreset /noforce succeeded although a request did not end")
    expect(stage.knock() is None, "refused although nothing was restarted")
    stage.org.iisreset("ex01", force=True)
    expect(stage.knock() is not None, "let in after a forced restart")
    return Seen(
        Found.AS_CLAIMED,
        f'a request did not end: iisreset /noforce failed ("{said}") and the leaver was let in; '
        "after a forced one she was refused",
    )


def others_disturbed(version: Version) -> Seen:
    stage = Stage(version)
    clients = (
        Browser(stage.seat(BYSTANDER, "owa"), poll_every_s=MINUTE_S, use_every_s=None),
        Phone(stage.seat(BYSTANDER, "phone"), heartbeat_s=HOUR_S / 2, retry_s=5, device_id="P2"),
        Outlook(stage.seat(BYSTANDER, "outlook"), every_s=MINUTE_S),
    )
    for client in clients:
        client.begin()
    stage.wait(2 * MINUTE_S)
    for server in SERVERS:
        stage.org.iisreset(server, force=True)
    stage.wait(2 * MINUTE_S)
    dropped = [c.seat.door for c in clients if c.tally.dropped]
    asked = [c.seat.door for c in clients if c.tally.prompts]
    text = (
        f"of a bystander's page, phone and Outlook, disconnected: {_named(dropped)}; asked for the "
        f"password: {_named(asked)}"
    )
    expect(bool(dropped), text)
    return Seen(Found.AS_CLAIMED, text)


def _named(doors: list[str]) -> str:
    words = {"owa": "the page", "phone": "the phone", "outlook": "Outlook"}
    return " and ".join(words[door] for door in doors) or "none"


def pools_one_by_one(version: Version) -> Seen:
    """In 2003 OWA and ActiveSync have one worker, and EWS does not exist."""
    stage = Stage(version)
    doors = [Protocol.OWA, Protocol.ACTIVESYNC]
    doors += [Protocol.EWS] if stage.profile.has("ews") else []
    stage.signed_in(*doors)
    stage.disable()
    first = stage.org.recycle("ex01", Pool.SYNC)
    after_one = [door for door in doors if stage.knock(door) is None]
    stage.recycle(Pool.OWA, Pool.SERVICES)
    after_all = [door for door in doors if stage.knock(door) is None]
    expect(not after_all and first >= 0, f"let in after all: {', '.join(after_all)}")
    if not after_one:
        text = "ActiveSync's pool recycled alone ended OWA as well: one worker serves both"
        return Seen(Found.OTHERWISE, text)
    expect(after_one == [Protocol.OWA, Protocol.EWS], f"let in: {', '.join(after_one)}")
    return Seen(
        Found.AS_CLAIMED,
        f"ActiveSync's pool recycled: refused by activesync, let in by {' and '.join(after_one)}; "
        "OWA's and EWS's too: refused by all",
    )


def recycle_alone(version: Version) -> Seen:
    stage = Stage(version)
    page = Page(stage)
    expect(page.request() is None, "not let in to begin with")
    stage.recycle(*Pool)
    if page.request() is not None:
        text = "every pool recycled, nothing else: the page was gone, its server had kept it"
        return Seen(Found.OTHERWISE, text)
    stage.reset("New-password-2")
    expect(page.request() is None, "refused after the reset, while a token lived")
    stage.recycle(*Pool)
    expect(page.request() is not None, f"let in with {PASSWORD!r} and no token")
    return Seen(
        Found.AS_CLAIMED,
        "every pool recycled, nothing else: the page was let in; password reset alone: let in; "
        "both: refused",
    )


DEMONSTRATIONS: Final[dict[str, Demonstration]] = {
    "all-servers": all_servers,
    "unforced-fails": unforced_fails,
    "others-disturbed": others_disturbed,
    "pools-one-by-one": pools_one_by_one,
    "recycle-alone": recycle_alone,
}
