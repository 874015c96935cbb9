# SPDX-License-Identifier: Apache-2.0
"""Measures whole closings at the web doors: `python -m bench.web [--closings N] [--quick]`.

As root. SOGo with ActiveSync and DAV, and Roundcube, behind HAProxy with Evict's rules. Each
closing is the command `evict revoke NAME --json` as a person types it, on an account of its own
whose browsers, phones, calendar and address book are in use, while a mail arrives each second.
The instants are those at which the leaver's own clients had their answers, counted from
`commit_at` in the report, which the ledger takes just before it writes: the write is in them.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, cycle
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import msgspec
from msgspec import Struct

from bench.estate_rig import BYSTANDERS, fresh_estate
from bench.sheet import finish, machine, versions
from bench.web_bystanders import Undisturbed, WebBystanders
from bench.web_fine import DOORS, FineClients
from bench.web_leaver import WebLeaver
from bench.web_sheet import Closing, commit_of, fineness, ping_ms, since, table
from estate import mailbox, people
from estate.clients.roundcube import RoundcubeWeb
from estate.clients.web_doors import use_first
from estate.commands import EstateError
from estate.layout import Layout
from estate.people import Person
from estate.product import Product, running
from estate.web.hooks import in_force

IP: Final = "127.104.0.1"
PACKAGES: Final = ("haproxy", "sogo", "sogo-activesync", "roundcube-core", "dovecot-core")
SHUT_S: Final = 15.0
LINGER_S: Final = 7.0
"""After the last refusal; SOGo looks each 5 s for a phone that waits."""
QUICK: Final = len(DOORS)
_CLIENTS_NICE: Final = 10
_ADDRESSES: Final = 32
"""A closing."""


class Ready(Struct, frozen=True, kw_only=True):
    """A leaver who is in."""

    person: Person
    clients: WebLeaver
    fine: FineClients


class Closer:
    """Closes one account after the other; the next is prepared while the last lingers."""

    def __init__(self, layout: Layout, product: Product, pool: ThreadPoolExecutor) -> None:
        self._layout = layout
        self._product = product
        self._pool = pool
        self._numbers = count()
        self._doors = cycle(DOORS)

    def close_all(self, leavers: list[Person]) -> list[Closing]:
        ending: list[Future[Closing]] = []
        coming = self._pool.submit(self._prepare, leavers[0])
        for number, _ in enumerate(leavers, 1):
            ready = coming.result()
            done, seconds = self._command(ready)
            load = os.getloadavg()[0]
            if number < len(leavers):
                coming = self._pool.submit(self._prepare, leavers[number])
            ending.append(self._pool.submit(self._end, number, ready, done, seconds, load))
        return [each.result() for each in ending]

    def _prepare(self, person: Person) -> Ready:
        hosts = self._layout.leaver_network
        first = next(self._numbers) * _ADDRESSES % (hosts.num_addresses - _ADDRESSES) + 1
        addresses = (str(hosts[first + n]) for n in range(_ADDRESSES))
        own = next(addresses), next(addresses)
        fine = FineClients(self._layout, person, next(self._doors), own)
        try:
            clients = WebLeaver(self._layout, person, addresses).start()
            try:
                fine.wait_ready()
                clients.wait_warm()
            except BaseException:
                clients.stop()
                raise
        except BaseException:
            fine.stop()
            raise
        return Ready(person=person, clients=clients, fine=fine)

    def _command(self, ready: Ready) -> tuple[CompletedProcess[str], float]:
        ready.fine.go()
        begun = time.monotonic()
        done = self._product.run("revoke", ready.person.upn, "--json", "--reason", "benchmark")
        return done, time.monotonic() - begun

    def _end(
        self, number: int, ready: Ready, done: CompletedProcess[str], seconds: float, load: float
    ) -> Closing:
        clients = ready.clients
        try:
            clients.wait_shut(SHUT_S)
            fine, ping = ready.fine.result()
            time.sleep(LINGER_S)
        finally:
            clients.stop()
            ready.fine.stop()
        report, commit_ns = commit_of(done)
        before, late, leaked = self._mail(ready, commit_ns)
        closing = Closing(
            account=ready.person.name,
            exit_code=done.returncode,
            verdict=report["verdict"],
            command_s=round(seconds, 3),
            load=round(load, 2),
            fine=fineness(fine, commit_ns),
            ping_ms=ping_ms(ping, commit_ns),
            ping_text=ping.text,
            last_success_ms=since(commit_ns, clients.tracks, "last_success_ns"),
            first_refusal_ms=since(commit_ns, clients.tracks, "first_failure_ns"),
            mails_before=before,
            late_mails=late,
            late_bytes=leaked,
            after=clients.successes_after + fine.after,
        )
        print(_line(number, closing), flush=True)
        return closing

    def _mail(self, ready: Ready, commit_ns: int) -> tuple[int, int, int]:
        """Mails that reached clients before, late ones in the mailbox, bytes that were too late."""
        tracks = ready.clients.tracks
        first = min((t.first_failure_ns for t in tracks if t.first_failure_ns), default=commit_ns)
        late = {each.marker for each in ready.clients.sent if each.begun_ns > first}
        arrived = {text.split()[-1] for text in mailbox.subjects(self._layout, ready.person)}
        before = leaked = 0
        for track, mail in ready.clients.received:
            refused = track.first_failure_ns is not None and mail.at_ns > track.first_failure_ns
            text = mail.subject + mail.body
            if refused or any(marker in text for marker in late):
                leaked += len(text.encode())
            else:
                before += 1
        return before, len(late & arrived), leaked


def _line(number: int, one: Closing) -> str:
    door = max(one.last_success_ms, key=lambda name: one.last_success_ms[name])
    ping = "not held" if one.ping_ms is None else f"{one.ping_ms:.1f} ms"
    return (
        f"{number:4} {one.account:12} {one.verdict:8} load {one.load:.1f},"
        f" refused at {one.fine.door} {one.fine.refusal_ms:.1f} ms;"
        f" Ping {ping}; last success {one.last_success_ms[door]:.1f} ms ({door});"
        f" late {one.late_mails} mails, {one.late_bytes} bytes; after {one.after};"
        f" command {one.command_s:.2f} s"
    )


def measure(layout: Layout, number: int) -> tuple[list[Closing], Undisturbed]:
    stamp = f"{int(time.time()):x}"[-5:]
    others = [people.person(name) for name in BYSTANDERS]
    with (
        fresh_estate(layout),
        in_force(layout),
        running(layout) as product,
        ThreadPoolExecutor(8) as pool,
    ):
        leavers = people.create_many(layout, [f"w{stamp}-{n:03}" for n in range(number)])
        for each in leavers:  # SOGo's Ping sees nothing that comes into an empty inbox
            mailbox.deliver(layout, each, "Welcome")
        use_first(layout, [*others, *leavers])
        for each in leavers:  # Roundcube refuses one of two first sign-ins at once
            RoundcubeWeb(layout, each, str(layout.network(251, 24)[2])).close()
        # This thread and those it starts: people's machines, which share no CPU with the servers.
        os.setpriority(os.PRIO_PROCESS, 0, _CLIENTS_NICE)
        with WebBystanders(layout, others) as bystanders:
            closings = Closer(layout, product, pool).close_all(leavers)
            return closings, bystanders.check()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closings", type=int, default=50)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} closings")
    parser.add_argument("--ip", default=IP, help="address of the estate")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    number = QUICK if options.quick else options.closings
    facts: dict[str, Any] = {**machine(), **versions(PACKAGES)}
    try:
        closings, others = measure(Layout.at(options.ip, web=True), number)
    except EstateError as error:
        print(f"web: {error}")
        return 1
    facts["load_worst"] = max(c.load for c in closings)
    rows = table(closings, others)
    result = msgspec.to_builtins({"closings": closings, "bystanders": others, "rows": rows})
    return finish("closings at the web doors", facts, rows, result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
