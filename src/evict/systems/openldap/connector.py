# SPDX-License-Identifier: Apache-2.0
"""OpenLDAP as `systems.base.Directory`; the work is in the files beside it."""

from __future__ import annotations

from typing import Final

from evict.config.model import DirectorySection
from evict.config.watch import WatchSection
from evict.core.account import Account
from evict.core.endpoint import Endpoint, Tls
from evict.core.errors import Bug, ConfigError
from evict.core.exposure import Exposure, Finding
from evict.core.measure import Actor, BeforeImage, Effect, Measure, Stage
from evict.core.secret import Secret
from evict.systems.base import DirectoryWatch, Observation, Order, Passwords
from evict.systems.ldap.servers import Servers
from evict.systems.ldap.target import Service, Timeouts, targets
from evict.systems.openldap import exposure, findings, measures, observing, undo
from evict.systems.openldap.accesslog import AccesslogWatch
from evict.systems.openldap.find import resolve
from evict.systems.openldap.measures import lock_attribute, lock_value
from evict.systems.openldap.observing import Seen, password_door
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import Shape, read_account
from evict.systems.openldap.syncrepl import SyncreplWatch

LDAPS: Final = 636
LDAP: Final = 389


class OpenLdapDirectory:
    """See `systems.base.Directory`.

    Args:
        password: the service account's.
        username_formats: Dovecot `auth_username_format` values of the estate, to see shared names.
    """

    product: Final = "openldap"

    def __init__(
        self,
        section: DirectorySection,
        password: Secret,
        username_formats: tuple[str, ...] = (),
        *,
        timeouts: Timeouts | None = None,
    ) -> None:
        if section.openldap.disable_by == "attribute" and not section.openldap.disabled_attribute:
            raise ConfigError("directory.openldap: disable_by attribute needs disabled_attribute")
        if "=" not in section.bind_user:
            raise ConfigError("directory.bind_user: OpenLDAP is bound to with a DN")
        self._section = section
        self._shape = Shape(section)
        self._formats = username_formats
        self._service = Service(dn=section.bind_user, password=password)
        starttls = section.openldap.starttls
        self._targets = targets(
            section,
            default_port=LDAP if starttls else LDAPS,
            starttls=starttls,
            timeouts=timeouts,
        )
        self._servers = self._new_servers()
        self._rotated: dict[tuple[str, int], str] = {}

    def _new_servers(self) -> Servers[Port]:
        return Servers(tuple(Port(target, self._service) for target in self._targets))

    @property
    def name(self) -> str:
        return self._section.name

    async def resolve(self, name: str) -> Account:
        return await resolve(self._servers, self._shape, name)

    async def read(self, account_id: str) -> Account:
        return await read_account(self._servers, self._shape, account_id)

    async def observe(self, account: Account, order: Order | None) -> Observation:
        del order
        return await observing.observe(self._servers, self._shape, account)

    def plan(self, account: Account, seen: Observation, order: Order | None) -> tuple[Measure, ...]:
        """Lock while it is not; set the password until this process has seen it set.

        Which password stands cannot always be read. What `apply` found is remembered with the
        mark of then, so that any later change brings the measure back.
        """
        if order is None or not isinstance(seen.state, Seen):
            return ()
        needed: list[Measure] = []
        attribute = lock_attribute(self._shape)
        if attribute and not seen.state.disabled:
            image = self._image(account, "disable")
            if seen.state.lock:
                image.before[attribute] = seen.state.lock
            image.after[attribute] = lock_value(self._shape)
            why = "whoever looks at it refuses a disabled account"
            needed.append(self._measure("disable", why, image))
        if self._rotated.get((account.id, order.generation)) != seen.state.password:
            why = "the leaver knows the password; a new one ends that everywhere"
            needed.append(self._measure("rotate", why, self._image(account, "rotate")))
        return tuple(needed)

    async def apply(
        self, account: Account, measure: Measure, order: Order, passwords: Passwords
    ) -> Effect:
        verb = measure.id.removeprefix(f"{self.name}:")
        if verb == "disable":
            return await self._servers.on_first(
                lambda port: measures.disable(port, self._shape, account, measure.id)
            )
        if verb != "rotate":
            raise Bug(f"{measure.id} is no measure of a directory")
        effect, mark = await self._servers.on_first(
            lambda port: measures.rotate(port, self._shape, account, measure.id, passwords.second)
        )
        self._rotated[account.id, order.generation] = mark
        return effect

    async def undo(self, account: Account, image: BeforeImage, *, overwrite: bool) -> Effect:
        return await self._servers.on_first(
            lambda port: undo.undo(port, self._shape, account, image, overwrite=overwrite)
        )

    async def set_fresh_password(self, account: Account, password: Secret) -> bool:
        return await self._servers.on_first(
            lambda port: undo.set_fresh_password(port, self._shape, account, password)
        )

    def watch(self, rules: WatchSection) -> DirectoryWatch:
        """By whom the section says; its connections are its own."""
        kind = AccesslogWatch if self._section.openldap.watch_by == "accesslog" else SyncreplWatch
        return kind(self._new_servers(), self._shape, rules)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(
            Endpoint(
                system=self.name,
                protocol="ldap",
                host=target.host,
                port=target.port,
                tls=Tls.STARTTLS if target.starttls else Tls.IMPLICIT,
                server_name=target.server_name,
                ca_file=self._section.ca_file,
            )
            for target in self._targets
        )

    async def exposure(self) -> tuple[Exposure, ...]:
        return await exposure.exposure(self._servers, self._shape)

    async def findings(self) -> tuple[Finding, ...]:
        return await findings.findings(self._servers, self._shape, self._formats)

    async def close(self) -> None:
        await self._servers.close()

    def _image(self, account: Account, verb: str) -> BeforeImage:
        return BeforeImage(
            measure=f"{self.name}:{verb}",
            system=self.name,
            target=account.id,
            before={},
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
            doors=(password_door(self._shape),),
            why=why,
            undo=undo_text[verb],
            image=image,
        )
