# SPDX-License-Identifier: Apache-2.0
"""Where everything of one estate is: addresses, ports, files. Several estates stand side by side.

Samba's LDAP ports are fixed, so an estate has an address of its own instead of ports of its own.
It takes the /16 around it: people connect from addresses of theirs, probes from others.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final

from msgspec import Struct

REALM: Final = "CORP.TEST"
DNS_DOMAIN: Final = "corp.test"
DOMAIN: Final = "CORP"
BASE_DN: Final = "DC=corp,DC=test"
PEOPLE_DN: Final = f"OU=People,{BASE_DN}"
SERVICES_DN: Final = f"OU=Services,{BASE_DN}"
MAIL_HOST: Final = "mail.corp.test"
DC_HOST: Final = "dc1.corp.test"
ADMINISTRATOR: Final = f"administrator@{DNS_DOMAIN}"
ADMINISTRATOR_PASSWORD: Final = "Adm1n-Passw0rd!"
EVICT_USER: Final = f"svc-evict@{DNS_DOMAIN}"
EVICT_PASSWORD: Final = "Svc-Evict-1"
MASTER_USER: Final = "witness"
MASTER_PASSWORD: Final = "Witness-Master-1"
DOVEADM_KEY: Final = "estate-doveadm-key"
POLICY_KEY: Final = "estate-policy-key"

LDAPS: Final = 636
KERBEROS: Final = 88
IMAP: Final = 143
IMAPS: Final = 993
POP3: Final = 110
POP3S: Final = 995
MANAGESIEVE: Final = 4190
DOVEADM: Final = 8080
SMTP: Final = 25
SUBMISSION: Final = 587
SUBMISSION_TCP: Final = 1587
"""A second submission port, whose policy question goes over TCP."""
POLICY_TCP: Final = 10040
AUTH_POLICY: Final = 10042
HAPROXY: Final = 8443
"""The front HAProxy: HTTPS, all web doors."""
NGINX: Final = 9443
"""The front nginx: the same doors."""
WEB: Final = 8081
"""The web server behind the fronts: Roundcube and the files of SOGo's pages, plain."""
SOGO: Final = 20000
SQL: Final = 5432
MEMCACHED: Final = 11211
SQL_ROLES: Final = {"sogo": "Sogo-Sql-1", "roundcube": "Roundcube-Sql-1"}
"""Role -> password; each owns a database of its name."""


class Layout(Struct, frozen=True):
    """One estate.

    Attributes:
        ip: its address, 127.x.y.z; no other estate may use the same 127.x.
        state: its folder; where the servers' own users can reach it.
        web: with the web doors: SOGo, Roundcube, what they need, HAProxy and nginx before them.
    """

    ip: str = "127.77.0.1"
    state: Path = Path("/var/tmp/evict-estate-77")  # noqa: S108 the servers' users must reach it
    web: bool = False

    @classmethod
    def at(cls, ip: str, state: Path | None = None, *, web: bool = False) -> Layout:
        """The estate at this address, in the folder that is usual for it."""
        address = IPv4Address(ip)
        if not address.is_loopback or address.packed[1] == 0:
            raise ValueError(f"{ip} is no loopback address 127.x.y.z with x from 1 to 255")
        return cls(ip, state or cls().state.with_name(f"evict-estate-{address.packed[1]}"), web)

    @property
    def tag(self) -> str:
        """Tells estates apart where no dot may stand."""
        return self.ip.replace(".", "_")

    def network(self, third: int, prefix: int) -> IPv4Network:
        """Addresses of one kind of client: 127.x.`third`.0/`prefix`."""
        first, second, *_ = self.ip.split(".")
        return IPv4Network(f"{first}.{second}.{third}.0/{prefix}")

    @property
    def probe_network(self) -> IPv4Network:
        """Addresses that only Evict's probes use."""
        return self.network(4, 22)

    @property
    def leaver_network(self) -> IPv4Network:
        """Addresses of leavers' clients."""
        return self.network(8, 21)

    @property
    def bystander_network(self) -> IPv4Network:
        """Addresses of everybody else's clients."""
        return self.network(16, 20)

    @property
    def config(self) -> Path:
        """evict.toml of this estate."""
        return self.state / "evict" / "evict.toml"

    @property
    def ca(self) -> Path:
        return self.state / "tls" / "ca.pem"

    @property
    def krb5_config(self) -> Path:
        return self.state / "krb5.conf"

    @property
    def smb_conf(self) -> Path:
        return self.state / "samba" / "etc" / "smb.conf"

    @property
    def sam(self) -> Path:
        """The directory's database, for what is done before the server runs."""
        return self.state / "samba" / "private" / "sam.ldb"

    @property
    def dovecot_conf(self) -> Path:
        return self.state / "dovecot" / "dovecot.conf"

    @property
    def keytab(self) -> Path:
        return self.state / "dovecot" / "dovecot.keytab"

    @property
    def postfix_etc(self) -> Path:
        return self.state / "postfix" / "etc"

    @property
    def queue(self) -> Path:
        return self.state / "postfix" / "spool"

    @property
    def policy_socket(self) -> Path:
        """Where the agent answers Postfix, inside its chroot, in a folder of the agent's own.

        Not in `private/`: who may create a socket there may also replace Postfix's own.
        """
        return self.queue / "evict" / "policy"

    @property
    def mail(self) -> Path:
        """Home folders, one a mailbox."""
        return self.state / "mail"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def sudoers(self) -> Path:
        """What `evict` may do as root; sudo skips file names with a dot."""
        return Path("/etc/sudoers.d") / f"evict-estate-{self.tag}"

    def dsn(self, role: str) -> str:
        """How this role reaches its database; SOGo appends a table's name."""
        return f"postgresql://{role}:{SQL_ROLES[role]}@{self.ip}:{SQL}/{role}"

    @property
    def sql(self) -> Path:
        """The database cluster, of the user `postgres`."""
        return self.state / "sql" / "data"

    @property
    def sogo_do(self) -> Path:
        """Runs `sogod` or `sogo-tool` with this estate's settings, as SOGo's user; needs root."""
        return self.state / "sogo" / "do"

    @property
    def haproxy_config(self) -> Path:
        return self.state / "haproxy" / "haproxy.cfg"

    @property
    def haproxy_socket(self) -> Path:
        """HAProxy's runtime API, level admin, for the agent's group."""
        return self.state / "run" / "haproxy" / "admin.sock"

    @property
    def haproxy_maps(self) -> Path:
        """Files of maps, which the agent writes and HAProxy loads as it starts."""
        return self.state / "haproxy" / "maps"

    @property
    def nginx_config(self) -> Path:
        return self.state / "nginx" / "nginx.conf"

    @property
    def web_provisioned(self) -> Path:
        """Stands once everything of the web doors was made."""
        return self.state / "web-provisioned"

    @property
    def provisioned(self) -> Path:
        """Stands once everything was made."""
        return self.state / "provisioned"
