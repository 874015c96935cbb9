# SPDX-License-Identifier: Apache-2.0
"""What the agent runs for the fronts before web mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evict.agent.deputy import Deputy
from evict.agent.hooks import Hook, Listener, TcpAddress, address_of
from evict.agent.replica import Replica
from evict.config.forward_auth import ForwardAuthHook
from evict.config.fronts import Front, fronts
from evict.config.haproxy import HaproxyHook
from evict.config.model import Config
from evict.systems.cutting import Report
from evict.systems.forward_auth import hook as forward_auth
from evict.systems.forward_auth.bindings import Bindings
from evict.systems.forward_auth.cutter import Cutter as ForwardAuthCutter
from evict.systems.forward_auth.products import product_of
from evict.systems.forward_auth.runtime import Runtime
from evict.systems.haproxy.hook import Hook as HaproxyFront


class Cutter(Protocol):
    """One system's loop that ends live sessions and empties caches."""

    def cut(self, account: str, seq: int, forms: tuple[str, ...]) -> None:
        """Begin, or begin again."""

    def spare(self, account: str) -> None:
        """Stop: the account was reinstated."""

    async def run(self) -> None:
        """Work until cancelled."""


class Parts:
    """What the agent runs for its fronts.

    Attributes:
        hooks: they start and stop with the others.
        cutters: they are told whom to cut.
        deputies: each acknowledges for one front that is pushed to.
        fed: called once each change was told to the cutters.
    """

    def __init__(
        self,
        config: Config,
        replica: Replica,
        *,
        drain: Callable[[], None],
        reporter: Callable[[str], Report],
    ) -> None:
        self._config = config
        self._replica = replica
        self._drain = drain
        self._reporter = reporter
        self.hooks: list[Hook] = []
        self.cutters: list[Cutter] = []
        self.deputies: list[Deputy] = []
        self.fed: list[Callable[[], None]] = []
        for front in fronts(config):
            if front.asks is not None:
                self._ask(front, front.asks)
            if front.pushed is not None:
                self._push(front, front.pushed)

    def _ask(self, front: Front, settings: ForwardAuthHook) -> None:
        """The sub-request's hook, and the login's where one is carried: both know the cookies."""
        bindings = Bindings()
        decide = self._replica.decide
        product = product_of(front.kind, front.path)
        converse = forward_auth.conversations(decide, bindings, settings, product)
        address = address_of(settings.listen, group=settings.socket_group)
        self.hooks.append(Listener(front.name, [address], converse, self._drain))
        if settings.login_listen is not None:
            self.hooks.append(
                forward_auth.login_carrier(
                    f"{front.name} login",
                    TcpAddress(settings.login_listen),
                    settings,
                    decide=decide,
                    bindings=bindings,
                    look=self._drain,
                    product=product,
                )
            )
        if settings.runtime is not None:
            self.cutters.append(
                ForwardAuthCutter(
                    Runtime(settings.runtime, system=front.name),
                    spell=self._replica.spellings,
                    report=self._reporter(front.name),
                )
            )

    def _push(self, front: Front, settings: HaproxyHook) -> None:
        deputy = Deputy(
            self._config.control.feed,
            self._replica,
            agent=self._config.agent.name,
            system=front.name,
        )
        hook = HaproxyFront(
            front.name,
            settings,
            ledger=self._replica,
            tell=deputy,
            spell=self._replica.spellings,
            report=self._reporter(front.name),
        )
        self.hooks.append(hook)
        self.cutters.append(hook)
        self.deputies.append(deputy)
        self.fed.append(hook.fed)
