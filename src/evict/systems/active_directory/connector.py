# SPDX-License-Identifier: Apache-2.0
"""Active Directory and Samba AD as `systems.base.Directory`; the work is in the files beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from evict.config.model import DirectorySection
from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import Bug
from evict.core.exposure import Exposure, Finding
from evict.core.measure import Actor, BeforeImage, Effect, Measure, Stage
from evict.core.secret import Secret
from evict.systems.active_directory import exposure, findings, measures, observing, undo
from evict.systems.active_directory.controllers import Controllers
from evict.systems.active_directory.find import resolve
from evict.systems.active_directory.measures import PWD_LAST_SET, UAC, Rotation
from evict.systems.active_directory.observing import Seen
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.reading import ACCOUNT_DISABLED, read_account
from evict.systems.active_directory.watch.scope import Scope
from evict.systems.active_directory.watch.watch import ActiveDirectoryWatch
from evict.systems.base import Observation, Order, Passwords
from evict.systems.ldap.target import Service, Timeouts, targets

LDAPS: Final = 636
KERBEROS: Final = 88


class ActiveDirectory:
    """See `systems.base.Directory`.

    Args:
        password: the service account's.
        username_formats: Dovecot `auth_username_format` values of the estate, to see shared names.
    """

    product: Final = "active_directory"

    def __init__(
        self,
        section: DirectorySection,
        password: Secret,
        username_formats: tuple[str, ...] = (),
        *,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._section = section
        self._formats = username_formats
        self._targets = targets(section, default_port=LDAPS, starttls=False, timeouts=timeouts)
        service = Service(dn=section.bind_user, password=password)
        self._controllers = Controllers(tuple(Port(t, service) for t in self._targets))
        self._watched = False
        self._rotated: dict[tuple[str, int], int] = {}

    @property
    def name(self) -> str:
        return self._section.name

    async def resolve(self, name: str) -> Account:
        return await resolve(self._controllers, self._section.base_dn, name)

    async def read(self, account_id: str) -> Account:
        return await read_account(self._controllers, account_id)

    async def observe(self, account: Account, order: Order | None) -> Observation:
        return await observing.observe(self._controllers, self._section, account, order)

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:
        """Disable while it is enabled; rotate until this process has seen it rotated.

        The plan cannot see which password is set. What `apply` found, by its binds, is remembered
        with the pwdLastSet of then, so that any later reset brings the measure back.
        """
        if order is None or not isinstance(seen.state, Seen):
            return ()
        needed: list[Measure] = []
        control, pwd_last_set = seen.state.account_control, seen.state.pwd_last_set
        if seen.state.enabled:
            image = self._image(account, "disable", {UAC: control})
            image.after[UAC] = str(control | ACCOUNT_DISABLED)
            needed.append(
                self._measure("disable", "a disabled account is refused at every bind", image)
            )
        if self._rotated.get((account.id, order.generation)) != pwd_last_set:
            why = "one reset leaves the old password valid for an hour; a second ends it"
            image = self._image(account, "rotate", {PWD_LAST_SET: pwd_last_set})
            needed.append(self._measure("rotate", why, image))
        return tuple(needed)

    async def apply(
        self, account: Account, measure: Measure, order: Order, passwords: Passwords
    ) -> Effect:
        verb = measure.id.removeprefix(f"{self.name}:")
        if verb == "disable":
            return await self._controllers.on_first(
                lambda port: measures.disable(port, account, measure.id)
            )
        if verb != "rotate":
            raise Bug(f"{measure.id} is no measure of a directory")
        wanted = Rotation(
            order=order,
            passwords=passwords,
            remembered=timedelta(minutes=exposure.old_password_minutes(self._section)),
            now=datetime.now(UTC),
        )
        effect, pwd_last_set = await self._controllers.on_first(
            lambda port: measures.rotate(port, account, measure.id, wanted=wanted)
        )
        self._rotated[account.id, order.generation] = pwd_last_set
        return effect

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        return await self._controllers.on_first(
            lambda port: undo.undo(port, account, image, overwrite=overwrite)
        )

    async def set_fresh_password(self, account: Account, password: Secret) -> bool:
        return await self._controllers.on_first(
            lambda port: undo.set_fresh_password(port, account, password)
        )

    def watch(self, rules: WatchSection) -> ActiveDirectoryWatch:
        self._watched = True
        return ActiveDirectoryWatch(self._controllers.ports, Scope(self._section.base_dn, rules))

    def endpoints(self) -> tuple[Endpoint, ...]:
        section = self._section
        ldap = [
            Endpoint(
                system=section.name,
                protocol="ldap",
                host=target.host,
                port=target.port,
                tls=Tls.IMPLICIT,
                server_name=target.server_name,
                ca_file=section.ca_file,
            )
            for target in self._targets
        ]
        kerberos = [
            Endpoint(
                system=section.name,
                protocol="kerberos",
                host=target.host,
                port=KERBEROS,
                server_name=target.server_name,
                realm=section.realm,
            )
            for target in self._targets
            if section.realm
        ]
        return (*ldap, *kerberos)

    async def exposure(self) -> tuple[Exposure, ...]:
        return await exposure.exposure(self._controllers, self._section)

    async def findings(self) -> tuple[Finding, ...]:
        return await findings.findings(
            self._controllers, self._section.base_dn, self._formats, watched=self._watched
        )

    async def close(self) -> None:
        await self._controllers.close()

    def _image(self, account: Account, verb: str, before: dict[str, int]) -> BeforeImage:
        return BeforeImage(
            measure=f"{self.name}:{verb}",
            system=self.name,
            target=account.id,
            before={name: str(value) for name, value in before.items()},
            after={},
        )

    def _measure(self, verb: str, why: str, image: BeforeImage) -> Measure:
        undo_text = {
            "disable": "enable it again as it was",
            "rotate": "a fresh password that must be changed",
        }
        return Measure(
            id=f"{self.name}:{verb}",
            system=self.name,
            stage=Stage.CREDENTIALS,
            actor=Actor.CONTROL,
            doors=observing.password_doors(self._section),
            why=why,
            undo=undo_text[verb],
            image=image,
        )
