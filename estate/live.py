# SPDX-License-Identifier: Apache-2.0
"""`make live`: what a plain disable leaves open on real servers, and what Evict does about it."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from estate import mailbox, people, services
from estate.clients.holder import Holder
from estate.clients.leaver import LeaverClients
from estate.clients.sessions import PROTOCOLS
from estate.clients.together import Together
from estate.clients.web_doors import through, use_first, web_clients
from estate.commands import EstateError
from estate.layout import HAPROXY, Layout
from estate.people import Person
from estate.plain import show_plain_disable
from estate.product import Product, running
from estate.revocation import show_revocation
from estate.web.hooks import in_force
from estate.web.plain import show_plain_web_disable
from evict.cli.story import command, write_summary

LEAVER_ONE = "alice"
LEAVER_TWO = "bob"
LEAVER_OF_THE_WEB = "wendy"
BYSTANDERS = ("carol", "dave", "erin", "frank", "grace", "heidi")
SESSIONS = 48
"""Bystanders' sessions: each of them on every protocol."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="live", description=__doc__)
    parser.add_argument("--ip", default=Layout().ip)
    parser.add_argument("--build", type=Path, default=Path("build/live"))
    arguments = parser.parse_args()
    layout = Layout.at(arguments.ip, web=True)
    try:
        return _tell(layout, arguments.build)
    except EstateError as error:
        print(f"live: {error}", file=sys.stderr)
        return 1


def _tell(layout: Layout, build: Path) -> int:
    build.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        say(
            f"1. A real estate on {layout.ip}: Samba AD, Dovecot, Postfix, SOGo with ActiveSync and"
        )
        say("   DAV, Roundcube, HAProxy before both, and Evict's agent")
        product = stack.enter_context(_up(layout))
        one, two, others = _cast(layout)
        phoner = people.create(layout, LEAVER_OF_THE_WEB)
        mailbox.deliver(layout, phoner, "Welcome")
        use_first(layout, (phoner, two, *others))
        every = {**PROTOCOLS, **through(HAPROXY)}
        holder = stack.enter_context(Holder(layout, others, SESSIONS, every))
        say(f"   {SESSIONS} live sessions of {len(others)} bystanders are held on every protocol")
        say(f"\n2. {one.upn} leaves, and is disabled in the directory, as everybody does it")
        plain = show_plain_disable(layout, one)
        say(f"   and {phoner.upn}, who has web mail and a phone:")
        plain += show_plain_web_disable(layout, phoner)
        say(f"\n3. {two.upn} leaves, and somebody types: evict revoke {two.upn} --witness")
        with LeaverClients(layout, two) as programs, web_clients(layout, two, HAPROXY) as web:
            time.sleep(1.0)
            revoked = show_revocation(layout, product, two, Together(programs, web), build)
        held = holder.check()
        say(f"   bystanders: {held.held} sessions held, {held.dropped} dropped")
        summary = write_summary(build, revoked, held.held, held.dropped, plain)
    say(f"\nEvidence:  {revoked.evidence}")
    say(f"Check it:  {command()} verify {revoked.evidence} --key {build / 'evidence.pub'}")
    say(f"Summary:   {summary}")
    say("Next:      README.md, `make live-up` for an estate to try commands on")
    return revoked.exit_code or int(held.dropped > 0)


@contextmanager
def _up(layout: Layout) -> Iterator[Product]:
    """The estate, and Evict on it; both end with the block."""
    begun = time.monotonic()
    services.down(layout)
    shutil.rmtree(layout.state, ignore_errors=True)  # the ledger of an earlier run goes with it
    try:
        services.up(layout)
        with in_force(layout), running(layout) as product:
            say(f"   up after {time.monotonic() - begun:.1f} s")
            yield product
    finally:
        services.down(layout)


def _cast(layout: Layout) -> tuple[Person, Person, list[Person]]:
    """The people of the story, with mail, a forwarding rule and a mail that waits in the queue."""
    leavers = [people.person(name) for name in (LEAVER_ONE, LEAVER_TWO)]
    others = [people.person(name) for name in BYSTANDERS]
    source = str(layout.leaver_network[2])
    for leaver in leavers:
        mailbox.deliver(layout, leaver, "Welcome", "Minutes of Monday")
        mailbox.redirect(layout, leaver, others[0], source)
        mailbox.queue(layout, leaver, "A mail that waits", source)
    return leavers[0], leavers[1], others


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
