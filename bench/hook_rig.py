# SPDX-License-Identifier: Apache-2.0
"""What the hooks are measured with: the real agent, the real ledger and feed, each a process.

`python -m bench.hook_rig agent FOLDER` and `... control FOLDER` are the two; `Rig` starts both.
The control process takes orders on its stdin, one a line, and answers each with a line.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import uvloop

from evict.agent.service import run_agent
from evict.config.model import (
    Agent,
    Config,
    Control,
    DirectorySection,
    DovecotHook,
    DovecotSection,
    PostfixHook,
    PostfixSection,
)
from evict.core.revocation import Entry, Kind, Personal
from evict.ledger.order import LedgerOrder
from evict.ledger.publisher import Publisher
from evict.ledger.service import Ledger
from evict.ledger.store import LedgerStore
from tests.unit.systems.dovecot.fake_doveadm import KEY as DOVEADM_KEY
from tests.unit.systems.dovecot.fake_doveadm import FakeDoveadm

HOST = "127.91.20.1"
DOVECOT_PORT = 4001
DOVEADM_PORT = 4080
POLICY_KEY = "bench-policy-key"
CLOSED_BEFORE = 10_000
"""Accounts that stand revoked when the measuring begins."""


def dovecot_question(login: str) -> bytes:
    """As Dovecot 2.3.19 asks."""
    body = json.dumps(
        {
            "login": login,
            "mech": "PLAIN",
            "protocol": "imap",
            "remote": "192.0.2.17",
            "requested": login,
            "session": "snoYQf9g96V/WwEB",
            "tls": "TLSv1.3",
        }
    ).encode()
    head = (
        f"POST /?command=allow HTTP/1.1\r\nHost: {HOST}:{DOVECOT_PORT}\r\n"
        "Date: Tue, 24 Nov 2026 05:48:05 GMT\r\nUser-Agent: dovecot/auth-policy-client\r\n"
        f"Content-Length: {len(body)}\r\nConnection: Keep-Alive\r\n"
        f"Content-Type: application/json\r\nX-API-Key:  {POLICY_KEY}\r\n\r\n"
    )
    return head.encode() + body


def postfix_question(login: str) -> bytes:
    """As Postfix 3.7 asks: 31 attributes, filled up to 812 bytes."""
    names = (
        "protocol_state=RCPT protocol_name=ESMTP client_address=192.0.2.17 client_port=50412"
        " client_name=client.example.org reverse_client_name=client.example.org"
        " server_address=198.51.100.25 server_port=587 helo_name=client.example.org"
        f" sender={login} recipient=somebody@example.net recipient_count=0 queue_id= instance=1a2b"
        f" size=0 etrn_domain= stress= sasl_method=PLAIN sasl_username={login} sasl_sender="
        " ccert_subject= ccert_issuer= ccert_fingerprint= ccert_pubkey_fingerprint="
        " encryption_protocol=TLSv1.3 encryption_cipher=TLS_AES_256_GCM_SHA384"
        " encryption_keysize=256 policy_context=submission compatibility_level=3.6"
        " mail_version=3.7.11"
    )
    lines = ["request=smtpd_access_policy", *names.split(" ")]
    assert len(lines) == 31
    missing = 812 - len("\n".join(lines)) - 2
    lines = [line + "x" * missing if line.startswith("instance=") else line for line in lines]
    return ("\n".join(lines) + "\n\n").encode()


def config(folder: Path) -> Config:
    for name, key in (("doveadm.key", DOVEADM_KEY), ("policy.key", POLICY_KEY)):
        if not (folder / name).exists():
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(key)
    return Config(
        control=Control(feed=folder / "feed.sock"),
        agent=Agent(name="bench"),
        directory=DirectorySection(
            servers=("none",), base_dn="DC=none", bind_user="none", password_file=folder / "none"
        ),
        dovecot=(
            DovecotSection(
                doveadm_url=f"http://{HOST}:{DOVEADM_PORT}/doveadm/v1",
                api_key_file=folder / "doveadm.key",
                host=HOST,
                master_separator="*",
                hook=DovecotHook(
                    listen=f"{HOST}:{DOVECOT_PORT}", api_key_file=folder / "policy.key"
                ),
            ),
        ),
        postfix=(PostfixSection(host=HOST, hook=PostfixHook(unix_socket=folder / "postfix.sock")),),
    )


class Asker:
    """Asks both hooks, one question at a time, over connections that stay open."""

    def __init__(self, folder: Path) -> None:
        self._dovecot = socket.create_connection((HOST, DOVECOT_PORT))
        self._dovecot.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._postfix = socket.socket(socket.AF_UNIX)
        self._postfix.connect(str(folder / "postfix.sock"))

    def close(self) -> None:
        self._dovecot.close()
        self._postfix.close()

    def dovecot_lets_in(self, question: bytes) -> bool:
        self._dovecot.sendall(question)
        return b'"status":0' in self._dovecot.recv(4096)

    def postfix_lets_in(self, question: bytes) -> bool:
        self._postfix.sendall(question)
        return b"DUNNO" in self._postfix.recv(4096)


class _Control:
    """The control process: appends on demand, and asks right after each push where told to."""

    def __init__(self, ledger: Ledger, store: LedgerStore, folder: Path) -> None:
        self._ledger = ledger
        self._folder = folder
        self._asker: Asker | None = None
        self._durable_ns = 0
        self._yes = self._asked = 0
        self._number = 0
        announce = store.on_stored

        def stamped(entries: Sequence[Entry]) -> None:
            self._durable_ns = time.monotonic_ns()
            if announce is not None:
                announce(entries)

        store.on_stored = stamped

    def ask_after_push(self, entries: Sequence[Entry]) -> None:
        """Called by the ledger after the publisher: the push is in the agent's socket."""
        if self._asker is None:
            return
        for entry in entries:
            assert entry.personal is not None
            login = entry.personal.forms[0]
            self._yes += self._asker.dovecot_lets_in(dovecot_question(login))
            self._yes += self._asker.postfix_lets_in(postfix_question(login))
            self._asked += 2

    async def obey(self, line: str) -> dict[str, Any]:
        word, _, rest = line.partition(" ")
        if word == "revoke":
            names = rest.split(" ")
            begun = time.monotonic_ns()
            await self._ledger.append_many([self._order((name,)) for name in names])
            return {"begun_ns": begun, "durable_ns": self._durable_ns}
        if word == "many":
            names = [f"{rest}{n}@corp.test" for n in range(10_000)]
            orders = [self._order(_forms(name)) for name in names]
            begun = time.monotonic_ns()
            await self._ledger.append_many(orders)
            return {"begun_ns": begun, "durable_ns": self._durable_ns}
        assert word == "race"
        self._asker = Asker(self._folder)
        questions = int(rest)
        while self._asked < questions:
            batch = [f"race{self._number + n}@corp.test" for n in range(3)]
            await self._ledger.append_many([self._order((name,)) for name in batch])
        self._asker.close()
        self._asker = None
        return {"asked": self._asked, "yes": self._yes}

    def _order(self, forms: tuple[str, ...]) -> LedgerOrder:
        self._number += 1
        return LedgerOrder(
            kind=Kind.REVOCATION,
            account=f"account-{self._number}",
            request=f"request-{self._number}",
            personal=Personal(label=forms[0], forms=forms),
        )


def _forms(address: str) -> tuple[str, ...]:
    name = address.partition("@")[0]
    return (address, name, f"corp\\{name}", f"corp.test\\{name}", f"{name}@corp", f"{name}@alias")


async def _control(folder: Path) -> None:
    """On asyncio's own loop: there a write is in the agent's socket when it returns."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1)
    store = await loop.run_in_executor(thread, LedgerStore, folder / "ledger.db")
    ledger = Ledger(store, thread)
    control = _Control(ledger, store, folder)
    await control.obey("many before")
    publisher = Publisher(ledger, folder / "feed.sock")
    await publisher.start()
    ledger.subscribe(control.ask_after_push)
    async with FakeDoveadm(HOST, DOVEADM_PORT):
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await control.obey(line.strip())), flush=True)
    await publisher.stop()
    await ledger.close()


async def _agent(folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run_agent(config(folder), stop)


class Rig:
    """Both processes, the agent on one CPU. Use as a context."""

    def __init__(self, folder: Path, *, agent_cpu: int) -> None:
        self._folder = folder
        me = [sys.executable, "-m", "bench.hook_rig"]
        self._control = subprocess.Popen(
            [*me, "control", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._agent: subprocess.Popen[bytes] | None = None
        assert self._control.stdout is not None
        assert self._control.stdout.readline() == "ready\n"
        with (folder / "agent.log").open("wb") as log:
            self._agent = subprocess.Popen(
                ["taskset", "-c", str(agent_cpu), *me, "agent", str(folder)], stdout=log, stderr=log
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        for _ in range(200):
            time.sleep(0.05)
            try:
                asker = Asker(self._folder)
            except OSError:
                continue
            ready = asker.dovecot_lets_in(dovecot_question("bob@corp.test"))
            asker.close()
            if ready:
                return
        raise TimeoutError("the agent did not come up: see agent.log")

    def ask(self, line: str) -> dict[str, Any]:
        self.begin(line)
        return self.end()

    def begin(self, line: str) -> None:
        assert self._control.stdin is not None
        self._control.stdin.write(line + "\n")
        self._control.stdin.flush()

    def end(self) -> dict[str, Any]:
        assert self._control.stdout is not None
        answer = json.loads(self._control.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._agent is not None:
            self._agent.terminate()
            self._agent.wait()
        self._control.communicate()


if __name__ == "__main__":
    role, where = sys.argv[1], Path(sys.argv[2])
    if role == "agent":
        uvloop.run(_agent(where))
    else:
        asyncio.run(_control(where))
