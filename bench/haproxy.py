# SPDX-License-Identifier: Apache-2.0
"""Measures the HAProxy hook: `python -m bench.haproxy [--json FILE] [--quick]`.

HAProxy is Debian's. Requests a second are against another backend of the same process, without the
rules, in turns in the same run: once with a thread a CPU, which is its default, and once with one
thread on a CPU of its own, where the rules weigh most. Needs gcc, taskset, nginx and haproxy, and
two CPUs.

Long: each figure has its floor beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from bench.hooks import Load, build, in_turns
from bench.sheet import Row, finish, machine, spread
from tests.live.haproxy_rig import COOKIE, Client, Rig, basic

HOST = "127.94.3.1"
ORIGIN_PORT = 8200
PLAIN_PORT = 8110
MANY = 100_000
HAPROXY_CPU = 0
OTHER_CPU = 1
CPUS = 2
LEAST = 0.85
"""Of the requests a second without the rules, however many threads HAProxy has."""
PING = "/held?Cmd=Ping"
BODY = "hello hello\n"
SESSION = "abcdef0123456789abcdef0123"
LONG_SESSION = "A" * 4000


def rig_of(folder: Path, *, closed: int = 0, cookies: int = 0) -> Rig:
    folder.mkdir(exist_ok=True)
    rig = Rig(folder, HOST)
    rig.threads = 1
    rig.products = ("sogo",)
    for n in range(closed):
        rig.chain.revoke(f"id-{n}", f"gone{n}")
    until = int(time.time()) + 24 * 3600
    known = {hashlib.sha256(s.encode()).hexdigest().upper(): "bob" for s in (SESSION, LONG_SESSION)}
    known |= {f"{n:064X}": f"user{n % 5000}" for n in range(cookies)}
    book = "".join(f"{digest} {until} {login}\n" for digest, login in known.items())
    (folder / "sogo.cookies").write_text(book)
    return rig


@asynccontextmanager
async def rigged(folder: Path, *, closed: int = 0, cookies: int = 0) -> AsyncIterator[Rig]:
    rig = rig_of(folder, closed=closed, cookies=cookies)
    async with rig.running(products=("sogo",)):
        assert rig.process is not None
        os.sched_setaffinity(rig.process.pid, {HAPROXY_CPU})
        yield rig


async def until_refused(client: Client, method: str, path: str, *headers: str, body: bytes) -> None:
    while (await client.ask(method, path, *headers, body=body)).status != 403:
        pass


async def push_to_refusal(rig: Rig, samples: int) -> dict[str, Any]:
    """From before the agent takes the entry to the end of the first refused answer."""
    times: dict[str, list[float]] = {"Basic (phone, calendar)": [], "web cookie": [], "sign-in": []}
    for n in range(samples):
        for kind, taken in times.items():
            name = f"{kind.split()[0].lower()}{n}"
            client = rig.client("sogo")
            method, path, headers, body = "POST", "/mail", [basic(name)], b""
            if kind == "web cookie":
                headers = [await rig.session("sogo", name)]
            if kind == "sign-in":
                path, headers = "/SOGo/connect", ["Content-Type: application/json"]
                body = f'{{"userName":"{name}","password":"pw"}}'.encode()
            assert (await client.ask(method, path, *headers, body=body)).status == 200
            started = time.perf_counter()
            rig.revoke(f"{kind}-{n}", name)
            await until_refused(client, method, path, *headers, body=body)
            taken.append((time.perf_counter() - started) * 1e3)
            client.close()
    return {kind: spread(taken) for kind, taken in times.items()}


async def push_to_end(rig: Rig, samples: int) -> dict[str, Any]:
    """A leaver's held request, while ten bystanders hold theirs."""
    others = [rig.client("sogo") for _ in range(10)]
    for n, other in enumerate(others):
        await other.send("POST", PING, basic(f"bystander{n}"))
    taken = []
    for n in range(samples):
        client = rig.client("sogo")
        await client.send("POST", PING, basic(f"holder{n}"))
        await rig.until(lambda n=n: sum(p == PING for p, _ in rig.origin.seen) == n + 11)
        started = time.perf_counter()
        rig.revoke(f"holder-{n}", f"holder{n}")
        with suppress(EOFError):
            await client.reply()
        taken.append((time.perf_counter() - started) * 1e3)
        client.close()
    rig.origin.release.set()
    answers = [(await other.reply()).status for other in others]
    rig.origin.release.clear()
    return {**spread(taken), "bystanders_ended": sum(status != 200 for status in answers)}


@contextmanager
def beside(command: list[str], *, everywhere: bool) -> Iterator[None]:
    """Run it, on the CPU that HAProxy does not have or on any."""
    cpus = f"{HAPROXY_CPU},{OTHER_CPU}" if everywhere else str(OTHER_CPU)
    with subprocess.Popen(["taskset", "-c", cpus, *command]) as process:
        yield
        process.terminate()


def question(folder: Path, name: str, header: str) -> None:
    text = (
        f"GET /SOGo/so/x HTTP/1.1\r\nHost: mail.corp.test\r\nAccept: application/json\r\n"
        f"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n{header}\r\n\r\n"
    )
    (folder / f"{name}.question").write_text(text)


async def throughput(folder: Path, rounds: int, seconds: float, *, threads: int) -> dict[str, Any]:
    """64 connections; nginx answers behind HAProxy.

    Args:
        threads: 1 has a CPU of its own; more have all of them, as nginx has then.
    """
    rig = rig_of(folder, closed=MANY, cookies=MANY)
    rig.threads = threads
    rig.extra = (
        f"frontend plain\n  bind {HOST}:{PLAIN_PORT}\n  default_backend plain\n"
        f"backend plain\n  server s1 {HOST}:{ORIGIN_PORT}\n"
    )
    rig.origin_port = ORIGIN_PORT
    question(folder, "cookie", f"Cookie: {COOKIE['sogo']}={SESSION}; XSRF-TOKEN=0123456789abcdef")
    question(folder, "long", f"Cookie: {COOKIE['sogo']}={LONG_SESSION}")
    question(folder, "basic", basic("bob"))
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        "events { worker_connections 4096; }\n"
        "http { access_log off; keepalive_requests 1000000000; client_body_temp_path "
        f"{folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;"
        f" uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n"
        f"large_client_header_buffers 4 32k; server {{ listen {HOST}:{ORIGIN_PORT};"
        f' location / {{ return 200 "{BODY[:-1]}\\n"; }} }} }}\n'
    )
    result = {}
    nginx = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    async with rig.running(products=("sogo",)):
        assert rig.process is not None
        if threads == 1:
            os.sched_setaffinity(rig.process.pid, {HAPROXY_CPU})
        os.sched_setaffinity(0, {OTHER_CPU})
        with beside(nginx, everywhere=threads > 1):
            for kind in ("basic", "cookie", "long"):
                load = Load(
                    folder=folder, kind=kind, connections=64, seconds=seconds, cpu=OTHER_CPU
                )
                plain = partial(load.ask, f"{HOST}:{PLAIN_PORT}", BODY)
                ours = partial(load.ask, f"{HOST}:{rig.ports['sogo']}", BODY)
                result[kind] = await asyncio.to_thread(in_turns, rounds, plain, ours)
        os.sched_setaffinity(0, {HAPROXY_CPU, OTHER_CPU})
    return result


async def restart(rig: Rig) -> dict[str, Any]:
    """Killed and started anew, with everybody trying to come in meanwhile."""
    closed = rig.folder / "maps" / "evict_sogo_closed.map"
    await rig.until(lambda: closed.read_bytes().count(b"\n") == len(rig.replica.closed) + 1, 60)
    rig.kill()
    rig.told["sogo"].enforcing = False
    begun = time.perf_counter()
    rig.launch()
    let_in = asked = 0
    listening = 0.0
    while not rig.told["sogo"].enforcing:
        client = rig.client("sogo")
        try:
            reply = await client.ask("GET", "/mail", basic(f"gone{asked * 7919 % MANY}"))
        except OSError:
            await asyncio.sleep(0.002)
            continue
        finally:
            client.close()
        listening = listening or time.perf_counter()
        asked += 1
        let_in += reply.status not in (403, 503)
    done = time.perf_counter()
    return {"s": done - listening, "with_start_s": done - begun, "asked": asked, "let_in": let_in}


async def cookies(folder: Path, number: int) -> dict[str, Any]:
    """What so many known cookies take: HAProxy's memory, a sign-in, taking them away."""
    async with rigged(folder / f"cookies{number}", cookies=number) as rig:
        taken = []
        for n in range(200):
            started = time.perf_counter()
            await rig.session("sogo", f"user{n}")
            taken.append((time.perf_counter() - started) * 1e3)
        keeper = rig.hooks["sogo"].keeper
        await rig.until(lambda: keeper.cookies >= number + 200)
        assert rig.process is not None
        started = time.perf_counter()
        mib = memory(rig.process.pid)
        keeper._cookies._clock = lambda: time.time() + 25 * 3600  # noqa: SLF001 - a day later
        await rig.until(lambda: keeper.cookies == 0, 900)
        return {
            "haproxy_mib": mib,
            "sign_in_ms": spread(taken),
            "all_expired_s": time.perf_counter() - started,
        }


def memory(pid: int) -> float:
    """MiB that are resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS")) / 1024


async def measure(*, quick: bool) -> dict[str, Any]:
    samples = 50 if quick else 500
    with tempfile.TemporaryDirectory(prefix="evict-bench-") as name:
        folder = Path(name)
        build(folder)
        result: dict[str, Any] = {}
        async with rigged(folder / "push") as rig:
            result["push_to_refusal"] = await push_to_refusal(rig, samples)
            result["push_to_end"] = await push_to_end(rig, samples)
        for threads in (1, CPUS):
            result[f"throughput_{threads}"] = await throughput(
                folder, 3 if quick else 15, 0.5 if quick else 1.0, threads=threads
            )
        async with rigged(folder / "restart", closed=MANY, cookies=MANY) as rig:
            result["restart"] = [await restart(rig) for _ in range(1 if quick else 5)]
        result["cookies"] = {n: await cookies(folder, int(n)) for n in ("0", str(MANY))}
        return result


def table(result: dict[str, Any]) -> Iterator[Row]:
    """Every figure that has a target."""
    for kind, part in result["push_to_refusal"].items():
        said = f"p50 {part['p50']:.2f} ms, p99 {part['p99']:.2f} ms"
        yield Row(
            what=f"push to refusal at HAProxy: {kind}",
            reached=said,
            to_reach="p50 <= 5 ms, p99 <= 50 ms",
            met=part["p50"] <= 5 and part["p99"] <= 50,
        )
    part = result["push_to_end"]
    yield Row(
        what="push to the end of a held long poll",
        reached=f"p50 {part['p50']:.2f} ms, p99 {part['p99']:.2f} ms",
        to_reach="p99 <= 50 ms",
        met=part["p99"] <= 50,
    )
    ended = part["bystanders_ended"]
    yield Row(
        what="bystanders' held requests that ended with it", reached=f"{ended} of 10",
        to_reach="0", met=ended == 0,
    )  # fmt: skip
    for threads, where in ((CPUS, "a thread a CPU"), (1, "one CPU")):
        for kind, what in (("basic", "Basic"), ("cookie", "cookie"), ("long", "cookie of 4 KB")):
            part = result[f"throughput_{threads}"][kind]
            ratio, ours, floor = (part[p]["rps"] for p in ("ratio", "hook", "floor"))
            yield Row(
                what=f"{MANY:,} known, {where}, {what}, against no rules",
                reached=f"{ratio:.2f} x ({ours:.0f}/{floor:.0f} a s)",
                to_reach=f">= {LEAST} x",
                met=ratio >= LEAST,
            )
    worst = max(part["s"] for part in result["restart"])
    let_in = sum(part["let_in"] for part in result["restart"])
    asked = sum(part["asked"] for part in result["restart"])
    yield Row(
        what=f"restart, {MANY:,} names and cookies: until all is as it was",
        reached=f"{worst:.2f} s, {let_in} of {asked} let in",
        to_reach="<= 1 s, none",
        met=worst <= 1 and let_in == 0,
    )
    none, many = result["cookies"]["0"], result["cookies"][str(MANY)]
    yield Row(
        what=f"{MANY:,} cookies: HAProxy's memory; a sign-in, p50",
        reached=f"+{many['haproxy_mib'] - none['haproxy_mib']:.0f} MiB;"
        f" {none['sign_in_ms']['p50']:.2f} -> {many['sign_in_ms']['p50']:.2f} ms",
        to_reach="",
        met=None,
    )
    yield Row(
        what=f"{MANY:,} cookies that expire at once: all taken away after",
        reached=f"{many['all_expired_s']:.1f} s",
        to_reach="",
        met=None,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works")
    options = parser.parse_args()
    facts = machine()
    result = asyncio.run(measure(quick=options.quick))
    return finish("the HAProxy hook", facts, list(table(result)), result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
