# SPDX-License-Identifier: Apache-2.0
"""How soon a large approved batch is refused: `python -m bench.approved_batch [--rounds N]`.

A directory's broken script asks to close 10,000 people; the allowance lets the first ones pass and
the rest is held. Then one person approves all of it. The control plane is the real one, with its
audit log on disk; the real agent follows its feed in a process of its own and answers Dovecot's and
Postfix's questions; a third process asks the hook without pause for the last of the batch, and then
once for each of them. Counted from the instant at which the approval reaches the control plane.

No directory answers, so that the cases of those who are closed find nothing to do: what follows the
refusal is measured elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import uvloop
from msgspec import Struct, structs

from bench.hook_rig import config as hooked
from bench.hook_rig import dovecot_question
from bench.sheet import Row, finish, machine, spread
from evict.agent.service import run_agent
from evict.config.guard import GuardSection
from evict.config.model import Config, DovecotHook, Evidence, Keys, Ledger
from evict.control import api
from evict.control.service import ControlService
from evict.core.access import Asker, administrator
from evict.core.account import Account
from evict.evidence.keys import make_keys

HOST: Final = "127.165.20.1"
PORT: Final = 4001
LEAVERS: Final = 10_000
SOURCE: Final = Asker(name="directory:corp", where="directory watch")
APPROVER: Final = administrator("uid:1000(erika)", person="uid:1000")


class Round(Struct, frozen=True, kw_only=True):
    """One batch. Milliseconds; `refused_ms`: the last of the batch at the hook."""

    held: int
    hold_ms: float
    refused_ms: float
    answered_ms: float
    still_let_in: int


def settings(folder: Path) -> Config:
    made = hooked(folder)
    (dovecot,) = made.dovecot
    assert dovecot.hook is not None
    hook = DovecotHook(listen=f"{HOST}:{PORT}", api_key_file=dovecot.hook.api_key_file)
    password = folder / "directory.password"
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text("none")
        make_keys(folder / "keys")
        (folder / "evidence").mkdir()
    directory = structs.replace(
        made.directory, servers=(f"{HOST}:1",), password_file=password, bind_user="svc@corp.test"
    )
    keys = Keys(
        probe_key_file=folder / "keys" / "probe.key",
        signing_key_file=folder / "keys" / "evidence.key",
    )
    return structs.replace(
        made,
        ledger=Ledger(path=folder / "ledger.db"),
        keys=keys,
        evidence=Evidence(folder=folder / "evidence"),
        guard=GuardSection(),
        directory=directory,
        dovecot=(structs.replace(dovecot, hook=hook),),
    )


def leavers(number: int) -> list[Account]:
    return [_account(f"leaver{number}-{n}") for n in range(LEAVERS)]


def _account(name: str) -> Account:
    return Account(
        id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        directory="directory",
        dn=f"CN={name},DC=corp,DC=test",
        sam=name,
        upn=f"{name}@corp.test",
        domain="CORP",
        dns_domain="corp.test",
        addresses=(f"{name}@corp.test", f"{name}@alias.test"),
    )


def watch_the_hook(names: Sequence[str]) -> dict[str, Any]:
    """When the last name is refused first (monotonic), and how many of all are let in then."""
    with closing(socket.create_connection((HOST, PORT))) as hook:
        hook.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        last = dovecot_question(names[-1])
        print("asking", flush=True)
        while _lets_in(hook, last):
            time.sleep(0.001)
        refused_ns = time.monotonic_ns()
        let_in = sum(_lets_in(hook, dovecot_question(name)) for name in names)
    return {"refused_ns": refused_ns, "still_let_in": let_in}


def _lets_in(hook: socket.socket, question: bytes) -> bool:
    hook.sendall(question)
    return b'"status":0' in hook.recv(4096)


async def one_round(service: ControlService, folder: Path, number: int) -> Round:
    revoking = service._revoking  # noqa: SLF001 - as the directory watch, which is within
    many = leavers(number)
    begun = time.monotonic_ns()
    closing_ = await revoking.close(
        many, asker=SOURCE, request=f"watch/{number}", reason="disabled in the directory"
    )
    hold_ms = (time.monotonic_ns() - begun) / 1e6
    await revoking.closer.prepared()  # a person takes longer to read what is held
    names = folder / "names.json"
    names.write_text(json.dumps([held.account.upn for held in closing_.held]))
    asking = await asyncio.create_subprocess_exec(
        *_me("ask", folder), stdout=asyncio.subprocess.PIPE
    )
    assert asking.stdout is not None
    assert await asking.stdout.readline() == b"asking\n"
    approved_ns = time.monotonic_ns()
    async for line in service.answer(api.Approve(source=SOURCE.name), APPROVER):
        if isinstance(line, api.Answer):
            assert isinstance(line.data, dict)
            assert len(line.data["closed"]) == len(closing_.held)
    answered_ns = time.monotonic_ns()
    told = json.loads(await asking.stdout.readline())
    await asking.wait()
    return Round(
        held=len(closing_.held),
        hold_ms=round(hold_ms, 1),
        refused_ms=round((told["refused_ns"] - approved_ns) / 1e6, 1),
        answered_ms=round((answered_ns - approved_ns) / 1e6, 1),
        still_let_in=told["still_let_in"],
    )


async def measure(folder: Path, rounds: int) -> list[Round]:
    """Each round on a ledger of its own."""
    found = []
    for number in range(rounds):
        place = folder / str(number)
        place.mkdir()
        made = settings(place)
        agent: asyncio.subprocess.Process | None = None
        async with ControlService(made) as service:
            try:
                with (place / "agent.log").open("wb") as log:
                    agent = await asyncio.create_subprocess_exec(
                        *_me("agent", place), stdout=log, stderr=log
                    )
                await _ready(service)
                found.append(await one_round(service, place, number))
                print(f"{number + 1:3} {found[-1]}", flush=True)
            finally:
                if agent is not None:
                    agent.terminate()
                    await agent.wait()
    return found


async def _ready(service: ControlService) -> None:
    """The agent follows the feed, and its hook lets a living person in."""
    publisher = service._parts.publisher  # noqa: SLF001 - it knows who follows
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(0.05)
            followed = bool(publisher.agents())
            if followed and await _answers():
                return


async def _answers() -> bool:
    def ask() -> bool:
        with closing(socket.create_connection((HOST, PORT), timeout=5)) as hook:
            return _lets_in(hook, dovecot_question("bob@corp.test"))

    try:
        return await asyncio.to_thread(ask)
    except OSError:
        return False


def _me(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "bench.approved_batch", *map(str, arguments)]


async def _agent(folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_agent(settings(folder), stop)


def table(rounds: list[Round]) -> list[Row]:
    refused = spread([one.refused_ms for one in rounds])
    let_in = sum(one.still_let_in for one in rounds)
    return [
        Row(
            what=f"{LEAVERS:,} leavers in one approved batch: refused at the hooks",
            reached=f"p50 {refused['p50']:.0f} ms, worst {refused['worst']:.0f} ms",
            to_reach="<= 1000 ms",
            met=refused["worst"] <= 1000,
        ),
        Row(
            what="of all of them, let in after the last was refused",
            reached=str(let_in),
            to_reach="0",
            met=let_in == 0,
        ),
        Row(
            what="the batch through the guard, until the rest is held",
            reached=f"worst {max(one.hold_ms for one in rounds):.0f} ms",
        ),
        Row(
            what="the approver's answer",
            reached=f"worst {max(one.answered_ms for one in rounds):.0f} ms",
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    options = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory(prefix="evict-bench-") as folder:
        rounds = asyncio.run(measure(Path(folder), options.rounds))
    result = [structs.asdict(one) for one in rounds]
    return finish("an approved batch", facts, table(rounds), result, options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["agent"]:
        uvloop.run(_agent(Path(sys.argv[2])))
    elif sys.argv[1:2] == ["ask"]:
        print(
            json.dumps(watch_the_hook(json.loads((Path(sys.argv[2]) / "names.json").read_text())))
        )
    else:
        raise SystemExit(main())
