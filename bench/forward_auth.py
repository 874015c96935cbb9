# SPDX-License-Identifier: Apache-2.0
"""Measures the forward-auth answerer: `python -m bench.forward_auth [--json FILE] [--quick]`.

Each figure stands beside a floor taken in the same run, in turns. Needs gcc, taskset and nginx, and
two CPUs: servers on the one, load on the other. The comparison with a web framework needs
redis-server, and makes a virtual environment with FastAPI for itself; without them it is left out.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from bench.forward_auth_rig import (
    ASK,
    BROWSER,
    BYSTANDER,
    END,
    FORGETFUL,
    FRAMED,
    FRAMEWORK,
    HOST,
    LOGIN,
    OURS,
    PHONE,
    PLAIN,
    REDIS,
    THEIRS,
    Rig,
    basic,
    question,
    request,
    say,
    sign_in,
    wait_for,
)
from bench.hooks import Load, build, in_turns, running
from bench.sheet import Row, finish, machine, versions

PACKAGES = ("fastapi", "uvicorn[standard]", "redis")


# --- the comparison ---
_APP = """\
import os
from fastapi import FastAPI, Request, Response
from redis.asyncio import Redis

app = FastAPI()
redis = Redis(host="{host}", port={port})


@app.get("/auth")
async def auth(request: Request) -> Response:
    session = request.cookies.get("cadata", "")
    login = await redis.get("session:" + session)
    if login is None:
        return Response(status_code=401)
    return Response(status_code=204, headers={{"X-Evict-Login": login.decode()}})
"""


@contextmanager
def framework(folder: Path, cookie: str) -> Iterator[str]:
    """FastAPI and Redis; "" where they run, else why not."""
    if shutil.which("redis-server") is None:
        yield "redis-server is not installed"
        return
    place = folder / "venv"
    made = subprocess.run([sys.executable, "-m", "venv", str(place)], check=False)
    pip = [str(place / "bin" / "pip"), "install", "-q", *PACKAGES]
    if made.returncode or subprocess.run(pip, check=False, capture_output=True).returncode:
        yield "FastAPI could not be installed"
        return
    (folder / "app.py").write_text(_APP.format(host=HOST, port=REDIS))
    redis = [
        "redis-server",
        "--port",
        str(REDIS),
        "--bind",
        HOST,
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    web = [str(place / "bin" / "uvicorn"), "app:app", "--app-dir", str(folder)]
    web += ["--host", HOST, "--port", str(FRAMEWORK), "--log-level", "error", "--no-access-log"]
    with (
        running([*redis, "--protected-mode", "no", "--logfile", str(folder / "redis.log")]),
        running(web),
    ):
        session = cookie.partition("cadata=")[2]
        say(REDIS, f"SET session:{session} {BYSTANDER}\r\n".encode())
        wait_for(FRAMEWORK, question(cookie), b"HTTP/1.1 204")
        yield ""


def compare(folder: Path, cookie: str, rounds: int, seconds: float) -> dict[str, Any]:
    with framework(folder, cookie) as missing:
        if missing:
            return {"left_out": missing}
        front = Load(folder=folder, kind="request", connections=16, seconds=seconds, cpu=1)
        alone = Load(folder=folder, kind="browser", connections=64, seconds=seconds, cpu=1)
        return {
            "through_nginx": in_turns(
                rounds,
                lambda: front.ask(f"{HOST}:{FRAMED}", "ok\n"),
                lambda: front.ask(f"{HOST}:{OURS}", "ok\n"),
            ),
            "alone": in_turns(
                rounds,
                lambda: alone.ask(f"{HOST}:{FRAMEWORK}", END),
                lambda: alone.ask(f"{HOST}:{ASK}", END),
            ),
        }


# --- commit to refusal ---
def commit_to_refusal(rig: Rig, samples: int) -> dict[str, Any]:
    """From the moment the entry is durable to the end of the first refused request at nginx."""
    result = {}
    for kind in ("basic", "cookie"):
        after = []
        for number in range(samples):
            login = f"{kind}{number}@corp.test"
            said = basic(login) if kind == "basic" else sign_in(LOGIN, login)
            with socket.create_connection((HOST, OURS)) as sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                assert _passes(sock, said)
                times: list[int] = []
                asking = Thread(target=_until_refused, args=(sock, said, times))
                asking.start()
                durable = rig.revoke(login)
                asking.join()
            after.append((times[0] - durable) / 1e6)
        result[kind] = {
            "p50_ms": statistics.median(after),
            "p99_ms": sorted(after)[int(len(after) * 0.99)],
        }
    return result


def _passes(sock: socket.socket, line: str) -> bool:
    sock.sendall(request(line))
    said = sock.recv(65536)
    while b"\r\n\r\n" not in said or not said.endswith(b"\n"):
        said += sock.recv(65536)
    return said.startswith(b"HTTP/1.1 200")


def _until_refused(sock: socket.socket, line: str, times: list[int]) -> None:
    while _passes(sock, line):
        pass
    times.append(time.monotonic_ns())


def measure(*, quick: bool) -> dict[str, Any]:
    rounds, seconds = (3, 0.5) if quick else (9, 2.0)
    with tempfile.TemporaryDirectory(prefix="evict-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        build(folder)
        rig = Rig(folder, stack)
        cookie = sign_in(LOGIN, BYSTANDER)
        forgetful = sign_in(FORGETFUL + 1, BYSTANDER)
        files = {
            "phone": question(
                *PHONE, basic(BYSTANDER), uri="/Microsoft-Server-ActiveSync?Cmd=Ping"
            ),
            "browser": question(*BROWSER, cookie),
            "new": question(*BROWSER, forgetful),
            "request": request(*BROWSER, cookie),
        }
        for kind, raw in files.items():
            (folder / f"{kind}.question").write_bytes(raw)
        result: dict[str, Any] = {}
        for kind, port in (("phone", ASK), ("browser", ASK), ("new", FORGETFUL)):
            many = Load(folder=folder, kind=kind, connections=64, seconds=seconds, cpu=1)
            result[f"alone_{kind}"] = in_turns(
                rounds,
                lambda many=many: many.ask(f"{HOST}:{PLAIN}", END),  # type: ignore[misc]
                lambda many=many, port=port: many.ask(f"{HOST}:{port}", END),  # type: ignore[misc]
            )
        front = Load(folder=folder, kind="request", connections=16, seconds=seconds, cpu=1)
        result["through_nginx"] = in_turns(
            rounds,
            lambda: front.ask(f"{HOST}:{THEIRS}", "ok\n"),
            lambda: front.ask(f"{HOST}:{OURS}", "ok\n"),
        )
        result["commit_to_refusal"] = commit_to_refusal(rig, 50 if quick else 300)
        result["framework"] = compare(folder, cookie, 3, seconds)
        return result


def table(result: dict[str, Any]) -> Iterator[Row]:
    for kind, what in (
        ("phone", "a phone's question (Basic)"),
        ("browser", "a browser's question (cookie)"),
    ):
        yield _rate(f"answerer against nginx return 204, {what}", result[f"alone_{kind}"], 0.9)
    yield _rate("the same, new questions of a known browser (cookie)", result["alone_new"], None)
    yield _rate("nginx asking us against asking a second nginx", result["through_nginx"], 0.95)
    part = result["framework"]
    if "left_out" in part:
        yield Row(what="against FastAPI and Redis", reached=f"left out: {part['left_out']}")
    else:
        yield _rate("nginx asking us against asking FastAPI + Redis", part["through_nginx"], 6)
        yield _rate("answerer against FastAPI + Redis, alone", part["alone"], None)
    for kind, values in result["commit_to_refusal"].items():
        p50, p99 = values["p50_ms"], values["p99_ms"]
        yield Row(
            what=f"durable entry to refusal at nginx, {kind}",
            reached=f"p50 {p50:.2f} ms, p99 {p99:.2f} ms",
            to_reach="p50 <= 5 ms, p99 <= 50 ms",
            met=p50 <= 5 and p99 <= 50,
        )


def _rate(what: str, part: dict[str, Any], least: float | None) -> Row:
    ratio, ours, floor = (part[key]["rps"] for key in ("ratio", "hook", "floor"))
    return Row(
        what=what,
        reached=f"{ratio:.2f} x ({ours:.0f}/{floor:.0f} a s)",
        to_reach="" if least is None else f">= {least} x",
        met=None if least is None else ratio >= least,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works")
    options = parser.parse_args()
    facts = {**machine(), **versions(("nginx",))}
    result = measure(quick=options.quick)
    return finish("forward-auth", facts, list(table(result)), result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
