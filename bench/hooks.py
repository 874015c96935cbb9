# SPDX-License-Identifier: Apache-2.0
"""Measures the hooks: `python -m bench.hooks [--json FILE] [--quick]`.

Each figure stands beside a floor taken in the same run, in turns, so that what else the machine
does falls on both. Needs gcc, taskset and nginx, and two CPUs.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.hook_rig import (
    DOVECOT_PORT,
    HOST,
    Asker,
    Rig,
    dovecot_question,
    postfix_question,
)
from bench.sheet import Row, finish, machine

SOURCES = Path(__file__).parent / "c"
NGINX_PORT = 4090
DOVECOT_END = '"msg":""}'
POSTFIX_ANSWER = "action=DUNNO\n\n"
SERVER_CPU = 0


def build(folder: Path) -> None:
    for name in ("load", "echo"):
        source = SOURCES / f"{name}.c"
        subprocess.run(["gcc", "-O2", "-o", str(folder / name), str(source)], check=True)
    (folder / "dovecot.question").write_bytes(dovecot_question("bystander@corp.test"))
    (folder / "postfix.question").write_bytes(postfix_question("bystander@corp.test"))


class Load(Struct, frozen=True, kw_only=True):
    """How a hook is asked: which question over how many connections, and how an answer ends."""

    folder: Path
    kind: str
    connections: int
    seconds: float
    cpu: int

    def ask(self, address: str, end: str) -> dict[str, float]:
        """One round: requests a second, p50 and p99 in microseconds."""
        program, question = self.folder / "load", self.folder / f"{self.kind}.question"
        words = subprocess.run(
            [
                *("taskset", "-c", str(self.cpu), str(program), address),
                *(str(self.connections), str(self.seconds), str(question), end),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        count, elapsed, p50, p99 = map(int, words)
        return {"rps": count / elapsed * 1e9, "p50_us": p50 / 1e3, "p99_us": p99 / 1e3}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def in_turns(
    rounds: int, floor: Callable[[], dict[str, float]], ours: Callable[[], dict[str, float]]
) -> dict[str, Any]:
    """The floor and ours one after the other; ratios are medians of the rounds' own ratios."""
    pairs = [(floor(), ours()) for _ in range(rounds)]
    return {
        "floor": medians([f for f, _ in pairs]),
        "hook": medians([o for _, o in pairs]),
        "ratio": medians([{key: o[key] / f[key] for key in f} for f, o in pairs]),
    }


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(["taskset", "-c", str(SERVER_CPU), *command])
    try:
        time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait()


def against_echo(folder: Path, rounds: int, seconds: float, cpu: int) -> dict[str, Any]:
    """Postfix hook and C ping-pong: one connection, one request of 812 bytes in flight."""
    question = (folder / "postfix.question").read_bytes()
    path = folder / f"echo{cpu}.sock"
    with running([str(folder / "echo"), str(path), str(len(question)), POSTFIX_ANSWER]):
        one = Load(folder=folder, kind="postfix", connections=1, seconds=seconds, cpu=cpu)
        return in_turns(
            rounds,
            lambda: one.ask(f"unix:{path}", POSTFIX_ANSWER),
            lambda: one.ask(f"unix:{folder}/postfix.sock", POSTFIX_ANSWER),
        )


def against_nginx(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Dovecot hook and `return 204`: 64 connections, the same request."""
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        "events { worker_connections 1024; }\n"
        "http { access_log off; keepalive_requests 1000000000; client_body_temp_path "
        f"{folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;"
        f" uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n"
        f"server {{ listen {HOST}:{NGINX_PORT}; location / {{ return 204; }} }} }}\n"
    )
    with running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]):
        many = Load(folder=folder, kind="dovecot", connections=64, seconds=seconds, cpu=1)
        return in_turns(
            rounds,
            lambda: many.ask(f"{HOST}:{NGINX_PORT}", "\r\n\r\n"),
            lambda: many.ask(f"{HOST}:{DOVECOT_PORT}", DOVECOT_END),
        )


def commit_to_refusal(rig: Rig, folder: Path, samples: int) -> dict[str, Any]:
    """From the moment the entry is durable to the end of the first refused question."""
    asker = Asker(folder)
    result: dict[str, Any] = {}
    for hook, lets_in, question in (
        ("dovecot", asker.dovecot_lets_in, dovecot_question),
        ("postfix", asker.postfix_lets_in, postfix_question),
    ):
        after, write = [], []
        for number in range(samples):
            login = f"{hook}{number}@corp.test"
            asked = question(login)
            rig.begin(f"revoke {login}")
            while lets_in(asked):
                pass
            refused = time.monotonic_ns()
            answer = rig.end()
            after.append((refused - answer["durable_ns"]) / 1e6)
            write.append((answer["durable_ns"] - answer["begun_ns"]) / 1e6)
            time.sleep(0.02)
        result[hook] = {
            "p50_ms": statistics.median(after),
            "p99_ms": statistics.quantiles(after, n=100)[98],
            "write_p50_ms": statistics.median(write),
        }
    asker.close()
    return result


def questions_after_the_push(rig: Rig, folder: Path, questions: int) -> dict[str, Any]:
    """Asked the moment the push is in the agent's socket, while 64 connections keep it busy."""
    busy = subprocess.Popen(
        [
            *(str(folder / "load"), f"{HOST}:{DOVECOT_PORT}", "64", "600"),
            *(str(folder / "dovecot.question"), DOVECOT_END),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        return rig.ask(f"race {questions}")
    finally:
        busy.terminate()
        busy.wait()


def ten_thousand(rig: Rig, folder: Path, rounds: int) -> dict[str, Any]:
    """One order: from before the append until the last of them is refused at both hooks."""
    asker = Asker(folder)
    whole, write = [], []
    for number in range(rounds):
        last = f"mass{number}x9999@corp.test"
        rig.begin(f"many mass{number}x")
        while asker.dovecot_lets_in(dovecot_question(last)):
            time.sleep(0.001)
        while asker.postfix_lets_in(postfix_question(last)):
            time.sleep(0.001)
        refused = time.monotonic_ns()
        answer = rig.end()
        whole.append((refused - answer["begun_ns"]) / 1e9)
        write.append((answer["durable_ns"] - answer["begun_ns"]) / 1e9)
        time.sleep(3)
    asker.close()
    return {
        "s": statistics.median(whole),
        "worst_s": max(whole),
        "write_s": statistics.median(write),
    }


def measure(*, quick: bool) -> dict[str, Any]:
    rounds, seconds = (3, 0.5) if quick else (9, 2.0)
    with tempfile.TemporaryDirectory(prefix="evict-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        build(folder)
        with Rig(folder, agent_cpu=SERVER_CPU) as rig:
            return {
                "postfix_against_echo": against_echo(folder, rounds, seconds, cpu=1),
                "postfix_against_echo_same_cpu": against_echo(folder, rounds, seconds, SERVER_CPU),
                "dovecot_against_nginx": against_nginx(folder, rounds, seconds),
                "commit_to_refusal": commit_to_refusal(rig, folder, 50 if quick else 500),
                "after_the_push": questions_after_the_push(rig, folder, 600 if quick else 30_000),
                "ten_thousand": ten_thousand(rig, folder, 1 if quick else 5),
            }


def table(result: dict[str, Any]) -> Iterator[Row]:
    """Every figure that has a target."""
    for key, where in (("", "other CPU"), ("_same_cpu", "same CPU")):
        part = result[f"postfix_against_echo{key}"]
        for figure, limit in (("p50_us", 1.3), ("p99_us", 2.0)):
            ratio, hook, floor = (part[p][figure] for p in ("ratio", "hook", "floor"))
            what = f"Postfix hook against C ping-pong, {where}, {figure[:3]}"
            said = f"{ratio:.2f} x ({hook:.1f}/{floor:.1f} us)"
            yield Row(what=what, reached=said, to_reach=f"<= {limit} x", met=ratio <= limit)
    part = result["dovecot_against_nginx"]
    ratio, hook, floor = (part[p]["rps"] for p in ("ratio", "hook", "floor"))
    what = "Dovecot hook against nginx return 204, 64 connections"
    said = f"{ratio:.2f} x ({hook:.0f}/{floor:.0f} a s)"
    yield Row(what=what, reached=said, to_reach=">= 0.9 x", met=ratio >= 0.9)
    for hook_name, part in result["commit_to_refusal"].items():
        what = f"durable entry to first refusal, {hook_name}, p50"
        said = (
            f"{part['p50_ms']:.2f} ms (p99 {part['p99_ms']:.2f}, write {part['write_p50_ms']:.2f})"
        )
        yield Row(what=what, reached=said, to_reach="<= 1 ms", met=part["p50_ms"] <= 1)
    part = result["after_the_push"]
    what = "a yes to a question asked after the push"
    said = f"{part['yes']} of {part['asked']}"
    yield Row(what=what, reached=said, to_reach="0", met=part["yes"] == 0)
    part = result["ten_thousand"]
    what = "10,000 leavers in one order, refused after"
    said = f"{part['s']:.2f} s (worst {part['worst_s']:.2f}, write {part['write_s']:.2f})"
    yield Row(what=what, reached=said, to_reach="<= 0.5 s", met=part["s"] <= 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it works")
    options = parser.parse_args()
    facts = machine()
    result = measure(quick=options.quick)
    return finish("the hooks", facts, list(table(result)), result, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
