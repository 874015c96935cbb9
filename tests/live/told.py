# SPDX-License-Identifier: Apache-2.0
"""Runs `evict` as a person does, and reads what it told."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from msgspec import Struct

from estate import people
from estate.clients.kerberos import ImapKerberos, Ticket
from estate.clients.lines import Ended, Refused
from estate.clients.sessions import PROTOCOLS
from estate.commands import run
from estate.layout import Layout
from estate.people import Person
from estate.product import CONTROL_USER, Product
from evict.core.secret import derive_password
from evict.evidence.keys import load_probe_key


class Told(Struct, frozen=True, kw_only=True):
    """What one command came to.

    Attributes:
        data: the JSON on stdout; empty where the command ended with an error.
        talk: stderr.
        took_s: from the start of the process to its end.
    """

    code: int
    data: dict[str, Any]
    talk: str
    took_s: float

    @property
    def report(self) -> dict[str, Any]:
        """Of the one account of an order."""
        (only,) = self.data["accounts"]
        assert isinstance(only, dict)
        return only

    def doors(self) -> dict[str, dict[str, Any]]:
        """Door name -> its verdict."""
        return {_name(verdict["door"]): verdict for verdict in self.report["doors"]}

    def not_shut(self) -> set[str]:
        """The doors that somebody could prove shut and that are not."""
        provable = {n: v for n, v in self.doors().items() if v["nature"] == "provable"}
        assert len(provable) >= 10
        return {name for name, verdict in provable.items() if verdict["judgement"] != "shut"}


def _name(door: dict[str, str]) -> str:
    return f"{door['system']}/{door['protocol']}/{door['credential']}"


def evict(product: Product, *arguments: str, stdin: str | None = None) -> Told:
    """Run one command with --json; its stdout is one JSON value or nothing at all."""
    began = time.monotonic()
    done = product.run(*arguments, "--json", stdin=stdin)
    took_s = time.monotonic() - began
    data = json.loads(done.stdout) if done.stdout else {}
    return Told(code=done.returncode, data=data, talk=done.stderr, took_s=took_s)


def revoke(product: Product, leaver: Person, *options: str) -> Told:
    return evict(product, "revoke", leaver.upn, *options)


def reinstate(product: Product, leaver: Person, *options: str) -> tuple[Told, str]:
    """And the fresh password; "" where none was handed over."""
    file = handover(product.layout) / "password"
    told = evict(product, "reinstate", leaver.upn, "--password-file", str(file), *options)
    return told, file.read_text().rstrip("\n") if file.exists() else ""


def handover(layout: Layout) -> Path:
    """A new folder that only the control plane's user may enter."""
    folder = layout.state / f"handover-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, CONTROL_USER, CONTROL_USER)
    return folder


def entries(product: Product, leaver: Person) -> list[dict[str, Any]]:
    """What the ledger holds of this account."""
    rows = evict(product, "ledger", "show", leaver.upn).data["entries"]
    assert isinstance(rows, list)
    return rows


def head(product: Product) -> str:
    """Changes with every entry."""
    return str(evict(product, "ledger", "verify").data["head"])


def account_control(layout: Layout, leaver: Person) -> int:
    return int(attribute(layout, leaver, "userAccountControl"))


def attribute(layout: Layout, leaver: Person, name: str) -> str:
    """The one value of an attribute."""
    lines = people.read(layout, leaver.name, name).splitlines()
    (value,) = [line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")]
    return value


def active_script(layout: Layout, leaver: Person) -> str:
    """Name of the active Sieve script, by Dovecot's own tool; "" for none."""
    listed = run("doveadm", "-c", layout.dovecot_conf, "sieve", "list", "-u", leaver.name)
    active = [line for line in listed.splitlines() if line.rstrip().endswith("ACTIVE")]
    return active[0].split()[0] if active else ""


def put_script(layout: Layout, leaver: Person, name: str, text: str) -> None:
    """As an administrator of the mail server; what is active stays so."""
    put = ("sieve", "put", "-u", leaver.name, name)
    run("doveadm", "-c", layout.dovecot_conf, *put, stdin=text)


def lets_in(layout: Layout, leaver: Person, protocol: str, source: str) -> bool:
    """Whether the leaver's own client gets in and can do something, from a fresh address."""
    try:
        session = PROTOCOLS[protocol](layout, leaver, source)
        try:
            session.beat()
        finally:
            session.close()
    except (Refused, Ended):
        return False
    return True


def ticket_lets_in(layout: Layout, leaver: Person, ticket: Ticket, source: str) -> bool:
    try:
        ImapKerberos(layout, leaver, source, ticket).close()
    except (Refused, Ended):
        return False
    return True


def derived(product: Product, account: str, generation: int) -> list[str]:
    """The two passwords that a revocation of this generation sets."""
    key = load_probe_key(product.layout.config.parent / "keys" / "probe.key")
    return [derive_password(key, account, generation, step).reveal() for step in (1, 2)]


def found_in(files: Sequence[Path], words: Sequence[str]) -> set[tuple[str, str]]:
    """(file, word) for each word that stands in a file, in UTF-8 or UTF-16."""
    return {
        (file.name, word)
        for file in files
        for word in words
        if any(form in file.read_bytes() for form in (word.encode(), word.encode("utf-16-le")))
    }
