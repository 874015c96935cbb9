# SPDX-License-Identifier: Apache-2.0
"""An estate of the fault tests' own, with the product on it, that may be broken and mended.

The tests of all modules share it; it ends with the run. EVICT_FAULT_ESTATE_IP chooses one that
runs already and is left running.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from uuid import uuid4

import pytest
from msgspec import Struct

from estate import mailbox, people, services
from estate.commands import EstateError
from estate.layout import LDAPS, Layout
from estate.people import Person
from estate.product import CONTROL_USER, Product
from estate.provision import require_root_and_users
from estate.run_as import EVICT, as_user, environment

CASE_S: Final = 7.0
"""Of one look in the fault tests: what is down stays down however long it is looked at. Longer
than a doveadm request may take."""
_KEY: Final = pytest.StashKey["Lab"]()
_UNICODE_PWD: Final = 0x0009005A
_ACCOUNT_CONTROL: Final = 0x00090008


class Ran(Struct, frozen=True, kw_only=True):
    """What came of `evict revoke --json`.

    Attributes:
        doors: `system/protocol/credential` -> verdict.
        why: the same -> its reason.
        effects: measure -> what came of it.
    """

    code: int
    stdout: str
    stderr: str
    doors: dict[str, str]
    why: dict[str, str]
    effects: dict[str, str]
    failures: tuple[str, ...]
    evidence: str

    def shut(self, *systems: str) -> bool:
        """Whether every door of these systems that takes a password or holds a session is shut."""
        kinds = ("password", "session", "grant")
        mine = {
            door: word
            for door, word in self.doors.items()
            if door.split("/")[0] in systems
            and door.split("/")[2] in kinds
            and door != "directory/ldap/session"
        }
        return bool(mine) and set(mine.values()) == {"shut"}


class Versions(Struct, frozen=True, kw_only=True):
    """How often an attribute of an account was written since it was made."""

    password: int
    control: int

    def since(self, before: Versions) -> Versions:
        return Versions(
            password=self.password - before.password, control=self.control - before.control
        )


class Lab:
    """The estate and the product on it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.product = Product(layout)
        self._sources = (str(address) for address in layout.network(250, 24).hosts())

    def start(self) -> None:
        services.up(self.layout)
        text = self.layout.config.read_text()
        if "case_timeout_s" not in text:
            apart = "run_agent = false"
            text = text.replace(apart, f"{apart}\ncase_timeout_s = {CASE_S}")
            text = text.replace("[probes]", "[probes]\ntimeout_s = 3.0")
            self.layout.config.write_text(text)
        self.product.start()

    def restart(self) -> None:
        self.product.stop()
        self.product.start()

    def source(self) -> str:
        """An address that nobody else connects from."""
        return next(self._sources)

    def person(self) -> Person:
        return people.create(self.layout, f"user-{uuid4().hex[:10]}")

    def forwarding(self) -> Person:
        """A person with an active Sieve redirect; the product, or somebody, must answer hooks."""
        someone = self.person()
        mailbox.redirect(self.layout, someone, people.person("carol"), self.source())
        return someone

    def revoke(self, someone: Person, *more: str) -> Ran:
        done = self.product.run("revoke", someone.upn, "--json", *more)
        return ran(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start one command as the control plane's user."""
        return subprocess.Popen(
            as_user(CONTROL_USER, [*EVICT, *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment(self.layout.config)},
            cwd="/",
        )

    def status(self, someone: Person) -> dict[str, Any]:
        """What `evict status` says of an account; empty where the ledger does not know it."""
        told = json.loads(self.product.evict("status", someone.upn, "--json"))
        accounts: list[dict[str, Any]] = told["accounts"]
        return accounts[0] if accounts else {}

    def versions(self, someone: Person) -> Versions:
        """Read from the directory's replication metadata (MS-ADTS 3.1.1.1.9)."""
        text = people.read(self.layout, someone.name, "replPropertyMetaData")
        found = re.search(r"^replPropertyMetaData:: (\S+)$", text, re.MULTILINE)
        assert found, text
        blob = b64decode(found[1])
        entries = [blob[start : start + 48] for start in range(16, len(blob), 48)]
        by_id = {int.from_bytes(e[:4], "little"): int.from_bytes(e[4:8], "little") for e in entries}
        return Versions(password=by_id[_UNICODE_PWD], control=by_id[_ACCOUNT_CONTROL])

    def bind_error(self, someone: Person, password: str) -> str:
        """`533`: disabled, the password right; `52e`: wrong; "" where it was let in."""
        done = subprocess.run(
            [
                *("ldapwhoami", "-x", "-H", f"ldaps://{self.layout.ip}:{LDAPS}"),
                *("-D", someone.dn, "-w", password),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LDAPTLS_CACERT": str(self.layout.ca)},
        )
        found = re.search(r"data (\w+)", done.stderr)
        assert found or done.returncode == 0, done.stderr
        return found[1] if found else ""

    def has_active_script(self, someone: Person) -> bool:
        return (self.layout.mail / someone.name / ".dovecot.sieve").is_symlink()

    @contextmanager
    def configured(self, *changes: tuple[str, str]) -> Iterator[None]:
        """The product runs with other settings while the block runs."""
        before = self.layout.config.read_text()
        text = before
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.layout.config.write_text(text)
        try:
            self.restart()
            yield
        finally:
            self.layout.config.write_text(before)
            self.restart()


def ran(code: int, stdout: str, stderr: str) -> Ran:
    accounts = json.loads(stdout)["accounts"] if stdout else []
    report = accounts[0] if accounts else {"doors": [], "effects": [], "failures": []}
    doors = {"/".join(door["door"].values()): door for door in report["doors"]}
    return Ran(
        code=code,
        stdout=stdout,
        stderr=stderr,
        doors={name: door["judgement"] for name, door in doors.items()},
        why={name: door["why"] for name, door in doors.items()},
        effects={e["measure"]: e["kind"] for e in report["effects"]},
        failures=tuple(report["failures"]),
        evidence=report.get("evidence", ""),
    )


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Wait until it is so; fail with `what` where it never is."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.05)


def lab_of(config: pytest.Config) -> Lab:
    """The one of this run; made when it is wanted first, and ended with the run."""
    if _KEY in config.stash:
        return config.stash[_KEY]
    try:
        require_root_and_users()
    except EstateError as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        layout = _layout(stack)
        lab = Lab(layout)
        stack.callback(lab.product.stop)
        lab.start()
        config.stash[_KEY] = lab
        config.add_cleanup(stack.pop_all().close)
    return lab


def _layout(stack: ExitStack) -> Layout:
    """Making the state folder is what takes an address; another run then takes the next."""
    if ip := os.environ.get("EVICT_FAULT_ESTATE_IP"):
        return Layout.at(ip)
    for second in range(110, 130):
        layout = Layout.at(f"127.{second}.0.1")
        with socket.socket() as probe:
            try:
                probe.bind((layout.ip, LDAPS))
                layout.state.mkdir()
            except OSError:
                continue
        stack.callback(shutil.rmtree, layout.state, ignore_errors=True)
        stack.callback(services.down, layout)
        return layout
    pytest.fail("no free loopback address between 127.110.0.1 and 127.129.0.1")
