# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from evict.lab.clients.client import Client, Seat
from evict.lab.model.mobile import Device
from evict.lab.model.sessions import Session
from evict.lab.model.words import Denied, Pool, Protocol


class Phone(Client):
    """ActiveSync with Basic: holds a Ping, sends the next one when it ends, and syncs between.

    Args:
        heartbeat_s: how long the server holds a Ping where nothing comes.
        retry_s: how soon it comes back after a cut or a refusal.
        mail_every_s: between two mails that end a Ping early, on average; None: none comes.
    """

    def __init__(
        self,
        seat: Seat,
        *,
        heartbeat_s: float,
        retry_s: float,
        device_id: str,
        mail_every_s: float | None = None,
    ) -> None:
        super().__init__(seat, heartbeat_s)
        self._mail_every_s = mail_every_s
        self._retry_s = retry_s
        self._device = Device(device_id=device_id)
        self._server = self.any_server()
        self._ping: Session | None = None

    def _turn(self) -> None:
        """Not by the clock: what ends a Ping sends the next one."""
        if self.stopped or (self._ping is not None and not self._ping.ended):
            return
        self.act()

    def act(self) -> None:
        self._ping = None
        self._server = self.next_server(self._server)
        organisation = self.place.organisation
        who = self.basic(self._server, Pool.SYNC)
        if who is None:
            self._later("front")
            return
        if isinstance(who, Denied):
            self._denied(who)
            return
        access = organisation.enter(self._server, Protocol.ACTIVESYNC, who, device=self._device)
        if isinstance(access, Denied):
            self._denied(access)
            return
        self.let_in(access)
        pool = organisation.profile.pool_of(Protocol.ACTIVESYNC)
        ping = organisation.open_session(
            access, pool=pool, on_end=self._ended, holds_request=True, lasts_s=self.every_s
        )
        self._ping = ping
        self.place.watch(access, ping, self._ended)
        if self._mail_every_s is not None:
            self._await_mail(ping, self.dice.expovariate(1 / self._mail_every_s))

    def _await_mail(self, ping: Session, comes_s: float) -> None:
        """A mail ends the Ping with its answer; the phone fetches it, and sends the next one."""
        if comes_s < self.every_s:
            self.place.course.after(comes_s, lambda: self._mail(ping))

    def _mail(self, ping: Session) -> None:
        if not ping.ended and not self.stopped:
            self.place.organisation.sessions.close(ping)
            self.act()

    def _ended(self, reason: str) -> None:
        """By its heartbeat: the next one at once. By somebody: it comes back by itself."""
        self.told(reason)
        wait = 0.0 if reason == "time-out" else self._retry_s
        self.place.course.after(wait, self._turn)

    def _denied(self, denied: Denied) -> None:
        """A wrong password is asked for on the phone; else it tries again later."""
        wrong = denied.denial in ("bad-credentials", "account-disabled")
        if wrong and self.asked():
            self.place.course.after(self._retry_s, self._turn)
            self.refused(denied)
            return
        self._later(str(denied.denial))

    def _later(self, said: str) -> None:
        """After a refusal phones wait longer each time; here as long as a heartbeat at most."""
        self.refused(said=said)
        wait = min(self._retry_s * 2 ** min(self.tally.refusals, 10), self.every_s)
        self.place.course.after(wait, self._turn)
