# SPDX-License-Identifier: Apache-2.0
"""The guard on a ledger of its own, with a clock that the test sets; nothing else of Evict."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from evict.config.guard import GuardSection
from evict.config.model import Config, DirectorySection, Protected
from evict.control.audit.record import Record
from evict.control.guard.demand import Admission, Demand
from evict.control.guard.gate import Gate
from evict.control.notices.news import News
from evict.control.parts import Parts
from evict.control.reloading import Settings
from evict.core.access import Asker, administrator
from evict.core.account import Account
from evict.core.allowance import Moment
from evict.core.errors import AuditNotWritten
from evict.core.names import login_forms
from evict.core.revocation import Kind, Personal
from evict.ledger.order import LedgerOrder
from evict.ledger.service import Ledger

CORP = Asker(name="directory:corp")
ROOT = administrator("uid:0(root)", person="uid:0")
ERIKA = administrator("uid:1000(erika)", person="uid:1000")
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def account(name: str) -> Account:
    """The same name is the same account."""
    return Account(
        id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        directory="directory",
        dn=f"CN={name},DC=corp,DC=test",
        sam=name,
        upn=f"{name}@corp.test",
        domain="CORP",
        dns_domain="corp.test",
    )


def accounts(count: int, name: str = "u") -> list[Account]:
    return [account(f"{name}{n}") for n in range(count)]


@dataclass
class Time:
    """What lasts over runs. `up`: seconds since the machine started; `wrong`: its clock is so."""

    up: float = 0.0
    wrong: float = 0.0
    boot: str = "one"
    audit_fails: bool = False
    told: list[News] = field(default_factory=list)
    noted: list[Record] = field(default_factory=list)

    def now(self) -> Moment:
        at = START + timedelta(seconds=self.up + self.wrong)
        return Moment(boot=self.boot, up=self.up, at=at)

    async def note(self, record: Record) -> None:
        if self.audit_fails:
            raise AuditNotWritten("the audit log is full")
        self.noted.append(record)


@dataclass
class Guarded:
    """One run of it, and what it told and noted."""

    gate: Gate
    ledger: Ledger
    news: list[News]
    records: list[Record]
    time: Time

    async def ask(
        self, who: Sequence[Account], asker: Asker = CORP, *, single: bool = False
    ) -> Admission:
        """As an order does: what passes is appended."""
        demand = Demand(asker=asker, request=str(uuid.uuid4()), reason="left", single=single)
        admission = await self.gate.admit(who, demand)
        if admission.passed:
            await self.append(admission.passed)
        await self.gate.closed(a.id for a in admission.passed)
        await self.gate.announce(admission, demand)
        return admission

    async def append(self, who: tuple[Account, ...], kind: Kind = Kind.REVOCATION) -> None:
        await self.ledger.append_many(
            [
                LedgerOrder(
                    kind=kind,
                    account=a.id,
                    request=str(uuid.uuid4()),
                    personal=Personal(label=a.upn, forms=login_forms(a)),
                )
                for a in who
            ]
        )

    @property
    def labels(self) -> list[str]:
        """Who is held, the oldest first."""
        return [h.account.sam for h in self.gate.waiting.all]


def settings(guard: GuardSection, protected: Protected | None = None) -> Settings:
    directory = DirectorySection(
        servers=("none",), base_dn="DC=corp,DC=test", bind_user="svc", password_file=Path("none")
    )
    return Settings(Config(directory=directory, guard=guard, protected=protected or Protected()))


@asynccontextmanager
async def guarded(
    path: Path, time: Time, guard: GuardSection | None = None, protected: Protected | None = None
) -> AsyncIterator[Guarded]:
    """Each use is one run of the service; the ledger at `path` is what lasts."""
    ledger = await Ledger.open(path, now=lambda: time.now().at)
    nothing = cast("Any", None)
    parts = Parts(
        settings=settings(guard or GuardSection(), protected),
        systems=nothing,
        orders=nothing,
        ledger=ledger,
        publisher=nothing,
        cases=nothing,
        sources=nothing,
        note=time.note,
        tell=time.told.append,
    )
    gate = Gate(parts, clock=time.now)
    await gate.open()
    try:
        yield Guarded(gate, ledger, time.told, time.noted, time)
    finally:
        await ledger.close()
