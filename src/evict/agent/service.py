# SPDX-License-Identifier: Apache-2.0
"""Puts the agent together: one replica, the hooks that ask it, the cutters, the feed.

The hooks listen before anything else and refuse everybody until the replica has a snapshot; from
then on they answer. Sessions of everybody who stands revoked are cut in one pass beside that:
waiting for it would shut everybody out for as long as one Dovecot hangs, and would end no session
sooner, since the hooks refuse those accounts from the first answer on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import structlog

from evict.agent.doctor import PauseSocket
from evict.agent.follower import Follower
from evict.agent.fronts import Cutter, Parts
from evict.agent.hooks import Address, Hook, Listener, TcpAddress, UnixAddress
from evict.agent.replica import Change, Replica
from evict.config.fronts import fronts
from evict.config.model import Config, DovecotHook, DovecotSection, PostfixHook
from evict.config.secrets import read_secret
from evict.ledger.feed import CutStep
from evict.systems.cutting import NO_SESSIONS, Report
from evict.systems.dovecot import hook as dovecot
from evict.systems.dovecot.cutter import Cutter as DovecotCutter
from evict.systems.dovecot.doveadm import Doveadm
from evict.systems.postfix import hook as postfix

log = structlog.get_logger()


async def run_agent(
    config: Config, stop: asyncio.Event, *, listening: Callable[[], object] | None = None
) -> None:
    """Run until `stop` is set. Raises `ConfigError` where a key or an address cannot be had.

    Args:
        listening: called once every hook listens.
    """
    running = asyncio.create_task(_Agent(config).run(listening))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        running.cancel()
        await asyncio.wait((running, stopping))
    if not running.cancelled():
        running.result()


class _Agent:
    """Everything of one agent, wired."""

    def __init__(self, config: Config) -> None:
        separators = "".join(sorted({d.master_separator or "" for d in config.dovecot}))
        self._replica = Replica(separators=separators)
        self._follower = Follower(
            config.control.feed,
            self._replica,
            agent=config.agent.name,
            hooks=(
                *(d.name for d in config.dovecot if d.hook),
                *(p.name for p in config.postfix if p.hook),
                *(front.name for front in fronts(config) if front.asks),
            ),
            cut=self._cut,
        )
        self._fronts = Parts(
            config, self._replica, drain=self._follower.drain, reporter=self._reporter
        )
        self._hooks: list[Hook] = [
            *(self._dovecot_hook(d.name, d.hook) for d in config.dovecot if d.hook),
            *(self._postfix_hook(p.name, p.hook) for p in config.postfix if p.hook),
            *self._fronts.hooks,
        ]
        self._doveadms = [_doveadm(section) for section in config.dovecot]
        self._cutters: Sequence[Cutter] = [
            *(
                DovecotCutter(
                    doveadm,
                    spell=self._replica.spellings,
                    report=self._reporter(section.name),
                )
                for section, doveadm in zip(config.dovecot, self._doveadms, strict=True)
            ),
            *self._fronts.cutters,
        ]
        self._pause: PauseSocket | None = None
        if config.agent.may_stop_hooks and config.agent.control_socket is not None:
            self._pause = PauseSocket(
                UnixAddress(config.agent.control_socket, group=config.agent.socket_group),
                self._hooks,
            )

    def _dovecot_hook(self, name: str, settings: DovecotHook) -> Hook:
        key = read_secret(settings.api_key_file)
        converse = dovecot.conversations(self._replica.decide, key)
        return Listener(name, [TcpAddress(settings.listen)], converse, self._follower.drain)

    def _postfix_hook(self, name: str, settings: PostfixHook) -> Hook:
        addresses: list[Address] = []
        if settings.unix_socket is not None:
            addresses.append(UnixAddress(settings.unix_socket, group=settings.socket_group))
        if settings.listen is not None:
            addresses.append(TcpAddress(settings.listen))
        converse = postfix.conversations(self._replica.decide)
        return Listener(name, addresses, converse, self._follower.drain)

    def _reporter(self, system: str) -> Report:
        return _Reporter(self._follower.report, system)

    def _cut(self, change: Change) -> None:
        for cutter in self._cutters:
            for account in change.reinstated:
                cutter.spare(account)
            for leaver in change.revoked:
                cutter.cut(leaver.account, leaver.seq, leaver.forms)
        for fed in self._fronts.fed:
            fed()

    async def run(self, listening: Callable[[], object] | None) -> None:
        try:
            for hook in self._hooks:
                await hook.start()
            if self._pause is not None:
                await self._pause.start()
            log.info("agent.listening", hooks=[hook.name for hook in self._hooks])
            if listening is not None:
                listening()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follower.run())
                for cutter in self._cutters:
                    tasks.create_task(cutter.run())
                for deputy in self._fronts.deputies:
                    tasks.create_task(deputy.run())
        finally:
            if self._pause is not None:
                await self._pause.stop()
            for hook in self._hooks:
                await hook.stop()
            for doveadm in self._doveadms:
                await doveadm.close()
            log.info("agent.stopped")


class _Reporter:
    """Makes a cutter's step the feed's message: which system, and when."""

    def __init__(self, report: Callable[[CutStep], None], system: str) -> None:
        self._report = report
        self._system = system

    def __call__(
        self,
        seq: int,
        step: str,
        *,
        count: int = 0,
        left: Mapping[str, int] = NO_SESSIONS,
        detail: str = "",
    ) -> None:
        self._report(
            CutStep(
                seq=seq,
                system=self._system,
                step=step,
                at=datetime.now(UTC),
                count=count,
                left=dict(left),
                detail=detail,
            )
        )


def _doveadm(section: DovecotSection) -> Doveadm:
    return Doveadm(section.doveadm_url, read_secret(section.api_key_file), system=section.name)
