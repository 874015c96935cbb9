# SPDX-License-Identifier: Apache-2.0
"""Builds the connectors that the configuration names. The one place that knows every product."""

from __future__ import annotations

from pathlib import Path

from evict.config.model import Config, DovecotSection
from evict.config.secrets import read_secret
from evict.control.cases.masteruser import MasterUser, login_name
from evict.core.account import Account
from evict.core.endpoint import Endpoint
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.systems.active_directory.connector import ActiveDirectory
from evict.systems.base import Connector, Directory
from evict.systems.dovecot.connector import DovecotConnector
from evict.systems.exchange.connector import ExchangeConnector
from evict.systems.openldap.connector import OpenLdapDirectory
from evict.systems.postfix.connector import PostfixConnector
from evict.systems.roundcube.connector import RoundcubeConnector
from evict.systems.sogo.connector import SogoConnector


class Systems:
    """The estate as the control plane sees it."""

    def __init__(self, config: Config) -> None:
        self.username_formats = tuple(d.username_format for d in config.dovecot)
        self.directory = _directory(config, self.username_formats)
        self.dovecots = tuple(
            DovecotConnector(
                section,
                read_secret(section.api_key_file),
                ticket_life_minutes=config.directory.ticket_life_minutes,
                probe_network=config.probes.source_addresses,
            )
            for section in config.dovecot
        )
        self.postfixes = tuple(PostfixConnector(section) for section in config.postfix)
        self.exchanges = tuple(
            ExchangeConnector(section, read_secret(section.password_file))
            for section in config.exchange
        )
        self.sogos = tuple(
            SogoConnector(section, _secret(section.database_file)) for section in config.sogo
        )
        self.roundcubes = tuple(
            RoundcubeConnector(section, _secret(section.database_file))
            for section in config.roundcube
        )
        self._sogo_names = {section.name: section.uid_from for section in config.sogo}
        self._sogo_formats = tuple(section.username_format for section in config.sogo)
        self.hooked = frozenset(
            [
                *(d.name for d in config.dovecot if d.hook),
                *(p.name for p in config.postfix if p.hook),
                *(web.name for web in config.behind_fronts if web.hook or web.haproxy),
            ]
        )
        self.master = next(filter(None, map(_master_user, config.dovecot)), None)

    @property
    def username_format(self) -> str:
        """Of the Dovecot that decides who somebody is; the first one where there are several."""
        return self.username_formats[0] if self.username_formats else "%u"

    @property
    def all(self) -> tuple[Connector, ...]:
        web: tuple[Connector, ...] = (*self.exchanges, *self.sogos, *self.roundcubes)
        return (self.directory, *self.dovecots, *self.postfixes, *web)

    def by_name(self, name: str) -> Connector:
        """Raises `KeyError` where the configuration no longer has it."""
        return {c.name: c for c in self.all}[name]

    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(e for connector in self.all for e in connector.endpoints())

    def forms(self, account: Account) -> tuple[str, ...]:
        """Every login form of the account as each server of this estate normalises it."""
        return login_forms(account, (*self.username_formats, *self._sogo_formats))

    def login_name(self, account: Account, endpoint: Endpoint) -> str:
        """The name that this account logs in with there; Exchange takes the UPN everywhere.

        OpenLDAP is bound to with a DN alone (RFC 4513 section 5.1.3).
        """
        if endpoint.system == self.directory.name and self.directory.product == "openldap":
            return account.dn
        if endpoint.system in {e.name for e in self.exchanges}:
            return account.upn
        if endpoint.system in self._sogo_names:
            return _uid(account, self._sogo_names[endpoint.system])
        return login_name(account, endpoint, self.username_format)

    async def close(self) -> None:
        for connector in self.all:
            await connector.close()


def _directory(config: Config, username_formats: tuple[str, ...]) -> Directory:
    product = OpenLdapDirectory if config.directory.product == "openldap" else ActiveDirectory
    return product(config.directory, read_secret(config.directory.password_file), username_formats)


def _secret(file: Path | None) -> Secret | None:
    return None if file is None else read_secret(file)


def _uid(account: Account, uid_from: str) -> str:
    """What SOGo's UIDFieldName makes of an account."""
    if uid_from == "mail" and account.addresses:
        return account.addresses[0]
    return account.sam if uid_from == "sam" else account.upn


def _master_user(section: DovecotSection) -> MasterUser | None:
    if not (section.master_user and section.master_password_file and section.master_separator):
        return None
    return MasterUser(
        section.master_user,
        section.master_separator,
        read_secret(section.master_password_file),
        section.username_format,
    )
