# SPDX-License-Identifier: Apache-2.0
"""Evict itself on the estate: `evict serve` and `evict agent`, each as its own user."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from estate import services
from estate.commands import EstateError
from estate.layout import Layout
from estate.run_as import EVICT, as_user, environment, run_as, start_as

CONTROL_USER: Final = "evict"
AGENT_USER: Final = "evict-agent"
AGENT_NICE: Final = -10
"""As its unit says: packaging/systemd/evict-agent.service."""
_START_S: Final = 20.0
_STOP_S: Final = 10.0


class Product:
    """The two processes; stopped by their process ids."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._env = environment(layout.config)
        self.serve: subprocess.Popen[bytes] | None = None
        self.agent: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the keys, once; the public one goes where everybody can read it."""
        keys = self.layout.config.parent / "keys"
        if (keys / "probe.key").exists():
            return
        run_as(CONTROL_USER, [*EVICT, "key", "init", "--folder", str(keys)], env=self._env)
        shutil.copyfile(keys / "evidence.pub", public_key(self.layout))

    def start(self) -> None:
        """Start both and wait until the control plane and the hooks answer."""
        self.prepare()
        self.start_serve()
        self.start_agent()

    def start_serve(self) -> None:
        log = self.layout.logs / "evict-serve.log"
        self.serve = start_as(CONTROL_USER, [*EVICT, "serve"], log=log, env=self._env)
        self._wait(self.serve, "evict serve", str(control_socket(self.layout)))

    def start_agent(self) -> None:
        log = self.layout.logs / "evict-agent.log"
        self.agent = start_as(
            AGENT_USER, [*EVICT, "agent"], log=log, env=self._env, nice=AGENT_NICE
        )
        self._wait(self.agent, "evict agent", str(self.layout.policy_socket))
        until = time.monotonic() + _START_S
        while '"behind": 0' not in self.evict("status", "--json"):
            if time.monotonic() > until:
                raise EstateError("the agent does not reach the control plane")
            time.sleep(0.05)

    def detach(self) -> None:
        """Leave both running, for people; `stop_detached` ends them by the ids noted here."""
        for name, process in (("serve", self.serve), ("agent", self.agent)):
            if process is not None:
                _pid_file(self.layout, name).write_text(f"{process.pid}\n")
        self.serve = self.agent = None

    def _wait(self, process: subprocess.Popen[bytes], name: str, path: str) -> None:
        until = time.monotonic() + _START_S
        while not _answers(path):
            if process.poll() is not None or time.monotonic() > until:
                raise EstateError(f"{name} does not answer on {path}; see {self.layout.logs}")
            time.sleep(0.02)

    def evict(self, *arguments: str) -> str:
        """Run one command as the control plane's user; what it printed on stdout."""
        return run_as(CONTROL_USER, [*EVICT, *arguments], env=self._env)

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command as the control plane's user, whatever its exit code."""
        return subprocess.run(
            as_user(CONTROL_USER, [*EVICT, *arguments]),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self._env},
            cwd="/",
            timeout=120,
        )

    def stop(self) -> None:
        """End both; none is left behind."""
        for process in (self.agent, self.serve):
            if process is not None:
                end(process)
        self.agent = self.serve = None

    def kill_serve(self) -> None:
        """SIGKILL, as a crash would."""
        if self.serve is not None:
            self.serve.kill()
            self.serve.wait()
            self.serve = None


def _pid_file(layout: Layout, name: str) -> Path:
    return layout.state / "run" / f"evict-{name}.pid"


def stop_detached(layout: Layout) -> None:
    """End what `detach` left running."""
    for name in ("agent", "serve"):
        file = _pid_file(layout, name)
        if file.exists() and (pid := _evict_process(int(file.read_text()))) is not None:
            services.send({pid}, signal.SIGTERM)
            until = time.monotonic() + _STOP_S
            while _evict_process(pid) is not None:
                if time.monotonic() > until:
                    services.send({pid}, signal.SIGKILL)
                time.sleep(0.02)
        file.unlink(missing_ok=True)


def _evict_process(pid: int) -> int | None:
    """The id, while it is that of a process of ours and not of somebody who got it later."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid if b"evict" in words else None


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """Ask it to end, then insist."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


@contextmanager
def running(layout: Layout) -> Iterator[Product]:
    """Both processes while the block runs."""
    product = Product(layout)
    try:
        product.start()
        yield product
    finally:
        product.stop()


def control_socket(layout: Layout) -> Path:
    """Where `evict serve` answers commands."""
    return layout.config.parent / "run" / "control" / "control.sock"


def public_key(layout: Layout) -> Path:
    """What a third party needs to verify evidence."""
    return layout.config.parent / "public" / "evidence.pub"
