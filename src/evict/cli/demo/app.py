# SPDX-License-Identifier: Apache-2.0
"""`evict demo`: the problem, what time does about it, and the same with Evict, in one minute."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from cyclopts import App

from evict.cli.demo import processes
from evict.cli.demo.clients import Clients, open_all
from evict.cli.demo.plain import lines, plain_disable
from evict.cli.demo.revocation import Revoked, revoke
from evict.cli.story import command, door_name, write_summary
from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import ExitCode, UsageError
from evict.lab.estate.layout import (
    DOMAIN,
    FRONT_NAME,
    HTTPS_PORT,
    IMAP_PORT,
    POP3_PORT,
    SUBMISSION_PORT,
    Layout,
)
from evict.lab.estate.people import people
from evict.systems.exchange.versions import VERSIONS

app = App(name="demo")

_VERSIONS: Final = VERSIONS[VERSIONS.index("2013") :]
_BYSTANDERS: Final = slice(2, 8)
_BYSTANDER_PAUSE_S: Final = 0.5
_OTHER_WORDS: Final = (
    "Bounded: no measure ends it, time does.\n"
    "   Outside: not Evict's to shut. Unprovable: nobody can look (mail already on a phone)."
)


@app.default
def demo(
    *, version: str = "2019", address: str = "127.80.0.1", build: Path = Path("build/demo")
) -> ExitCode:
    """Start an Exchange organisation, let two people leave it, and compare.

    Parameters
    ----------
    version
        2013, 2016, 2019 or SE.
    address
        Of the balancer; the servers' addresses are counted from it.
    build
        Folder for the evidence and `summary.json`.
    """
    if version not in _VERSIONS:
        raise UsageError(f"the demo tells its story of {', '.join(_VERSIONS)}, not of {version!r}")
    build.mkdir(parents=True, exist_ok=True)
    folder = (build / "lab").resolve()
    shutil.rmtree(folder, ignore_errors=True)  # the ledger of an earlier run goes with it
    folder.mkdir(mode=0o700)
    return asyncio.run(_tell(Layout(folder=folder, address=address), version, build))


async def _tell(layout: Layout, version: str, build: Path) -> ExitCode:
    begun = time.monotonic()
    endpoints = endpoints_of(layout)
    one, two, *_ = staff = people()
    async with AsyncExitStack() as stack:
        say(f"1. An Exchange {version} organisation starts on {layout.address}: a directory, two")
        say("   client access servers behind a balancer, two databases, sixty people;")
        say("   and Evict beside it.")
        arguments = ["lab", "--no-serve", "--hook", "--version", version]
        arguments += ["--address", layout.address, "--folder", str(layout.folder)]
        lab = await processes.start(arguments, layout.folder / "lab.log", layout.control)
        stack.push_async_callback(processes.stop, lab)
        stack.push_async_callback(processes.stop, await processes.start_serve(layout, hooked=True))
        say(f"   up after {time.monotonic() - begun:.1f} s")
        say(f"\n2. Without Evict: {one.name} leaves; her account is disabled in the directory.")
        plain = await plain_disable(layout.control, one, DOMAIN, endpoints)
        still = sum(each.open for each in plain)
        say(f"   Right after that, {still} of {len(plain)} doors still let her in. When would")
        say("   they shut by themselves? The organisation's clock (not yours) is moved on")
        say("   for eight hours, ten minutes a step; she uses each door at each step:\n")
        for line in lines(plain):
            say(line)

        say(f"\n3. With Evict: {two.name} leaves, and somebody types")
        say(f"      evict revoke {two.upn(DOMAIN)} --allow-bounce")
        others = await open_all(staff[_BYSTANDERS], DOMAIN, endpoints)
        for each in others:
            stack.push_async_callback(each.stop)
            each.keep_using(_BYSTANDER_PAUSE_S)
        held = sum(len(each.tracks) for each in others)
        say(f"   His programs go on meanwhile, and {held} sessions of {len(others)} other people.")
        revoked = await revoke(two, DOMAIN, endpoints, layout.config, build)
        _print(revoked)
        dropped = _dropped(others)
        say(f"\n   Of the {held} sessions of other people, {dropped} were disturbed.")
        verified = await processes.run(
            "verify",
            str(revoked.evidence),
            "--key",
            str(build / "evidence.pub"),
            environment={},
        )
        say(f"   The signed evidence is {verified.splitlines()[0]}")
        summary = write_summary(build, revoked, held, dropped, plain)
    say(f"\nEvidence:  {revoked.evidence}")
    say(f"Check it:  {command()} verify {revoked.evidence} --key {build / 'evidence.pub'}")
    say(f"Summary:   {summary}")
    say(f"Next:      {command()} lab, and point a browser and a mail program at it")
    say(f"({time.monotonic() - begun:.0f} s in all)")
    good = not revoked.contradictions and not dropped
    return ExitCode.OK if good else ExitCode.FAILED


def endpoints_of(layout: Layout) -> tuple[Endpoint, ...]:
    """Where the people come in: the web doors at the balancer, mail programs at one server."""
    web = [
        (protocol, layout.address, HTTPS_PORT) for protocol in ("owa", "activesync", "ews", "mapi")
    ]
    first = layout.server(layout.servers[0])
    mail = [("imap", first, IMAP_PORT), ("pop3", first, POP3_PORT)]
    implicit = tuple(_endpoint(layout, *place, Tls.IMPLICIT) for place in (*web, *mail))
    submission = _endpoint(layout, "submission", first, SUBMISSION_PORT, Tls.STARTTLS)
    return (*implicit, submission)


def _endpoint(layout: Layout, protocol: str, host: str, port: int, tls: Tls) -> Endpoint:
    return Endpoint(
        system="exchange",
        protocol=protocol,
        host=host,
        port=port,
        tls=tls,
        server_name=FRONT_NAME,
        ca_file=layout.ca_file,
    )


def _print(revoked: Revoked) -> None:
    report, own = revoked.report, {each.door: each for each in revoked.leaver_saw}
    say("   What Evict saw and what his own programs saw, in ms after the order was written down.")
    say("   A refused try counts from when it began, which may be before the order.\n")
    say(f"   {'':28}  {'':12}  {'Evict saw':>11}  {'his last':>11}  {'his first':>11}")
    say(f"   {'door':28}  {'':12}  {'it refused':>11}  {'success':>11}  {'refused try':>11}")
    for door in report["doors"]:
        name = door_name(door)
        word = door["judgement"] if door["nature"] == "provable" else door["nature"]
        seen = own.get(name)
        times = (
            door["first_refusal_ms"],
            seen and seen.last_success_ms,
            seen and seen.first_refusal_ms,
        )
        say(f"   {name:28}  {word:12}  " + "  ".join(map(_text, times)))
    say(f"\n   Verdict: {report['verdict']}. Shut: proven. {_OTHER_WORDS}")
    for door in report["doors"]:
        if door["judgement"] == "bounded" and door["predicted_s"] is not None:
            say(f"   {door_name(door)} ends by itself after {door['predicted_s']:.0f} s at most.")


def _text(value: float | None) -> str:
    return f"{'-':>11}" if value is None else f"{value:8.1f} ms"


def _dropped(others: Sequence[Clients]) -> int:
    return sum(track.refusals > 0 for each in others for track in each.tracks)


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what people read
