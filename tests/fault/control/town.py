# SPDX-License-Identifier: Apache-2.0
"""The control plane in this process, on a domain controller and a Dovecot that are fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evict.config.model import (
    Config,
    Control,
    DirectorySection,
    DovecotSection,
    Evidence,
    Keys,
    Ledger,
    Probes,
)
from evict.control import api
from evict.control.progress import CaseReport, Refused
from evict.control.service import ControlService
from evict.core.access import administrator
from evict.core.errors import Bug, ExitCode
from evict.evidence.keys import make_keys
from tests.contract.fake_controller import EVICT_DN, EVICT_PASSWORD, FakeController
from tests.contract.fake_entries import BASE_DN, Store
from tests.contract.fakes import Authority
from tests.unit.systems.dovecot.fake_doveadm import KEY, FakeDoveadm

ASKER = administrator("a test", person="uid:0")

NAME = "bob"
UPN = f"{NAME}@corp.test"


class Dovecot(FakeDoveadm):
    """Nobody has a home, hence a Sieve script, here."""

    def _one(self, name: str, parameters: dict[str, Any], tag: str) -> list[Any]:
        if name == "user" and self.mode != "busy":
            self.commands.append((name, parameters))
            return ["error", {"type": "exitCode", "exitCode": 67}, tag]
        return super()._one(name, parameters, tag)


@dataclass
class Ended:
    """What one order came to."""

    code: ExitCode
    report: CaseReport | None = None
    refused: Refused | None = None

    @property
    def effects(self) -> dict[str, str]:
        return {} if self.report is None else {e.measure: e.kind for e in self.report.effects}

    @property
    def failures(self) -> str:
        return "" if self.report is None else "; ".join(self.report.failures)

    @property
    def doors(self) -> dict[str, str]:
        return {} if self.report is None else {v.door.name: v.judgement for v in self.report.doors}


@dataclass
class Town:
    """The fakes, and settings that lead to them."""

    config: Config
    controller: FakeController
    dovecot: Dovecot

    @property
    def history(self) -> list[str]:
        """Every password that the leaver's account ever had."""
        return self.controller.store.passwords[f"CN={NAME},{BASE_DN}"]

    @property
    def enabled(self) -> bool:
        held = self.controller.store.entries[f"CN={NAME},{BASE_DN}"]["useraccountcontrol"]
        return not int(held[0]) & 2

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ControlService]:
        async with ControlService(self.config) as service:
            yield service

    async def revoke(self, service: ControlService, request: str = "r1") -> Ended:
        """Raises `EvictError` where the whole order comes to nothing."""
        ended: Ended | None = None
        report = refused = None
        async for line in service.answer(api.Revoke(names=(UPN,), request=request), ASKER):
            if isinstance(line, CaseReport):
                report = line
            elif isinstance(line, Refused):
                refused = line
            elif isinstance(line, api.End):
                ended = Ended(line.exit_code, report, refused)
        if ended is None:
            raise Bug("no end")
        return ended


@asynccontextmanager
async def town(folder: Path, host: str, *, case_timeout_s: float = 2.5) -> AsyncIterator[Town]:
    """One leaver with a live session at Dovecot, who could sign in until now.

    Args:
        host: a loopback address of the test's own.
    """
    authority = Authority(folder)
    store = Store()
    store.person(NAME, "Old-Pass-1", userPrincipalName=UPN, mail=UPN)
    controller = FakeController(store=store, host=host)
    dovecot = Dovecot(host)
    dovecot.sessions = [(NAME, "imap"), ("carol", "imap")]
    await controller.start(authority.context(host))
    try:
        async with dovecot:
            config = _config(folder, authority, controller, dovecot, case_timeout_s)
            yield Town(config, controller, dovecot)
    finally:
        await controller.stop()


def _config(
    folder: Path,
    authority: Authority,
    controller: FakeController,
    dovecot: Dovecot,
    case_timeout_s: float,
) -> Config:
    keys = make_keys(folder / "keys")
    for name, secret in (("directory.password", EVICT_PASSWORD), ("doveadm.key", KEY)):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    (folder / "evidence").mkdir()
    return Config(
        ledger=Ledger(path=folder / "ledger.db"),
        control=Control(case_timeout_s=case_timeout_s),
        keys=Keys(probe_key_file=keys.probe_key, signing_key_file=keys.private_key),
        evidence=Evidence(folder=folder / "evidence"),
        probes=Probes(timeout_s=1.0),
        directory=DirectorySection(
            servers=(f"{controller.host}:{controller.port}",),
            base_dn=BASE_DN,
            bind_user=EVICT_DN,
            password_file=folder / "directory.password",
            ca_file=authority.ca_file,
        ),
        dovecot=(
            DovecotSection(
                doveadm_url=dovecot.url,
                api_key_file=folder / "doveadm.key",
                host=dovecot.host,
                imap_port=None,
                pop3_port=None,
                managesieve_port=None,
                username_format="%Ln",
            ),
        ),
    )
