# SPDX-License-Identifier: Apache-2.0
"""What the forward-auth answerer is measured with: ledger, agent and two nginx, each a process.

`python -m bench.forward_auth_rig agent FOLDER` is the agent, `forgetful` one that remembers no
question. The ledger's process is `bench.hook_rig`'s.
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import uvloop

from bench.hook_rig import config as hooks_config
from bench.hooks import SERVER_CPU, running
from evict.agent.service import run_agent
from evict.config.exchange import ExchangeSection, ExchangeServer
from evict.config.forward_auth import ForwardAuthHook
from evict.config.model import Agent, Config
from evict.systems.forward_auth.judge import Meaning
from evict.systems.forward_auth.question import QuestionReader

HOST = "127.95.21.1"
ASK, LOGIN, ORIGIN, FORGETFUL = 4003, 4004, 4005, 4013
PLAIN, SECOND, OURS, THEIRS, FRAMEWORK, FRAMED = 4090, 4091, 4092, 4093, 4094, 4095
REDIS = 4096
END = "\r\n\r\n"
BYSTANDER = "bystander@corp.test"
PHONE = (
    "User-Agent: Apple-iPhone14C2/2109.1",
    "MS-ASProtocolVersion: 14.1",
    "Content-Type: application/vnd.ms-sync.wbxml",
    "Accept: */*",
    "Accept-Language: de-de",
)
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Referer: https://mail.corp.test/owa/",
)


def basic(login: str) -> str:
    return "Authorization: Basic " + base64.b64encode(f"{login}:password".encode()).decode()


def question(*lines: str, uri: str = "/owa/service.svc?action=FindItem") -> bytes:
    """As nginx asks."""
    head = ["GET /auth HTTP/1.1", f"X-Original-URI: {uri}", "Host: evict"]
    return ("\r\n".join([*head, *lines]) + END).encode()


def request(*lines: str) -> bytes:
    """As a client asks the nginx in front."""
    return ("\r\n".join(["GET /page HTTP/1.1", "Host: mail", *lines]) + END).encode()


# --- the agent, a process of its own ---
def config(folder: Path, *, ask: int, login: int) -> Config:
    whole = hooks_config(folder)
    hook = ForwardAuthHook(
        listen=f"{HOST}:{ask}",
        login_listen=f"{HOST}:{login}",
        login_upstream=f"http://{HOST}:{ORIGIN}",
    )
    section = ExchangeSection(
        version="2019",
        shell_url="http://none/PowerShell",
        bind_user="none",
        password_file=folder / "none",
        servers=(ExchangeServer(name="none", host="none"),),
        hook=hook,
    )
    return Config(
        control=whole.control,
        agent=Agent(name=f"bench-{ask}"),
        directory=whole.directory,
        exchange=(section,),
    )


class _Forgets(dict[bytes, Meaning]):
    def __setitem__(self, key: bytes, value: Meaning) -> None:
        """Every question is one that was never asked before."""


async def _agent(folder: Path, *, forgetful: bool) -> None:
    if forgetful:
        make = QuestionReader.__init__

        def made(reader: QuestionReader, *arguments: Any) -> None:
            make(reader, *arguments)
            reader.known = _Forgets()

        QuestionReader.__init__ = made  # type: ignore[method-assign,assignment]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ports = (
        {"ask": FORGETFUL, "login": FORGETFUL + 1} if forgetful else {"ask": ASK, "login": LOGIN}
    )
    await run_agent(config(folder, **ports), stop)


class _Origin(BaseHTTPRequestHandler):
    """Issues a cookie to everybody, as long as OWA's."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302)
        self.send_header("Set-Cookie", f"cadata={time.monotonic_ns():0>600}; path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


# --- what is around it ---
def say(port: int, raw: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=10) as sock:
        sock.sendall(raw)
        return sock.recv(65536)


def wait_for(port: int, raw: bytes, start: bytes) -> None:
    for _ in range(400):
        try:
            if say(port, raw).startswith(start):
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers {start!r} at {port}")


def sign_in(port: int, login: str) -> str:
    """A cookie that the agent knows."""
    body = urlencode({"username": login, "password": "p"})
    head = f"POST /owa/auth.owa HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    said = say(port, (head + kind + body).encode()).decode()
    value = said.partition("cadata=")[2].partition(";")[0]
    assert value, said
    return f"Cookie: ClientId=1; cadata={value}"


def nginx_conf(folder: Path) -> Path:
    """Four servers: `return 204`, the same for the second nginx, and three fronts."""
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temps = " ".join(f"{name}_temp_path {folder}/{name};" for name in names)
    (folder / "page").write_text("ok\n")
    fronts = "\n".join(
        f"upstream u{port} {{ server {HOST}:{asked}; keepalive 64; }}\n"
        f"server {{ listen {HOST}:{port}; root {folder};\n"
        "  location / { auth_request /ask; }\n"
        f"  location = /ask {{ internal; proxy_pass http://u{port}/auth; proxy_http_version 1.1;\n"
        "    proxy_pass_request_body off; proxy_set_header Content-Length '';\n"
        "    proxy_set_header Host evict; proxy_set_header Connection '';\n"
        "    proxy_set_header X-Original-URI $request_uri; }\n}"
        for port, asked in ((OURS, ASK), (THEIRS, SECOND), (FRAMED, FRAMEWORK))
    )
    path = folder / "front.conf"
    path.write_text(
        f"daemon off; worker_processes 1; pid {folder}/front.pid; error_log {folder}/front.log;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000000; {temps}\n"
        f"server {{ listen {HOST}:{PLAIN}; location / {{ return 204; }} }}\n{fronts}\n}}\n"
    )
    return path


def second_conf(folder: Path) -> Path:
    path = folder / "second.conf"
    path.write_text(
        f"daemon off; worker_processes 1; pid {folder}/second.pid; error_log {folder}/second.log;\n"
        "events { worker_connections 1024; }\n"
        "http { access_log off; keepalive_requests 1000000000;\n"
        f"server {{ listen {HOST}:{SECOND}; location / {{ return 204; }} }} }}\n"
    )
    return path


class Rig:
    """Ledger, agent, a forgetful one, two nginx."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        origin = ThreadingHTTPServer((HOST, ORIGIN), _Origin)
        Thread(target=origin.serve_forever, daemon=True).start()
        stack.callback(origin.shutdown)
        ledger = [sys.executable, "-m", "bench.hook_rig", "control", str(folder)]
        self._control = subprocess.Popen(
            ledger, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.callback(self._control.communicate)
        assert self._control.stdout is not None
        assert self._control.stdout.readline() == "ready\n"
        for role in ("agent", "forgetful"):
            stack.enter_context(_process(folder, role))
        for path in (second_conf(folder), nginx_conf(folder)):
            stack.enter_context(running(["nginx", "-p", str(folder), "-c", str(path)]))
        for port in (ASK, FORGETFUL):
            wait_for(port, question(basic(BYSTANDER)), b"HTTP/1.1 204")
        wait_for(OURS, request(basic(BYSTANDER)), b"HTTP/1.1 200")

    def revoke(self, login: str) -> int:
        """When the entry was durable, ns of the monotonic clock."""
        assert self._control.stdin is not None
        assert self._control.stdout is not None
        self._control.stdin.write(f"revoke {login}\n")
        self._control.stdin.flush()
        for line in self._control.stdout:  # its log is there too
            if line.startswith("{"):
                return int(json.loads(line)["durable_ns"])
        raise EOFError("the ledger's process ended")


@contextmanager
def _process(folder: Path, role: str) -> Iterator[None]:
    me = [sys.executable, "-m", "bench.forward_auth_rig", role, str(folder)]
    with (folder / f"{role}.log").open("wb") as log:
        process = subprocess.Popen(["taskset", "-c", str(SERVER_CPU), *me], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    uvloop.run(_agent(Path(sys.argv[2]), forgetful=sys.argv[1] == "forgetful"))
