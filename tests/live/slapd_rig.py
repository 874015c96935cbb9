# SPDX-License-Identifier: Apache-2.0
"""Debian's slapd with a directory of its own: people, groups, policies, replication overlays.

Everything lies in one folder and on one loopback address; it is stopped by its process. A server
may be left without an overlay, so that a test sees what the product does then.

Long: slapd's configuration and tree stand beside what starts it.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest
import trustme
from msgspec import Struct

from evict.config.model import DirectorySection
from evict.config.openldap import OpenLdap
from evict.core.secret import Secret
from evict.systems.ldap.target import Timeouts
from evict.systems.openldap.connector import OpenLdapDirectory

_SLAPD: Final = shutil.which("slapd", path="/usr/sbin:/usr/bin")
_TOOLS: Final = all(map(shutil.which, ("slapadd", "ldapmodify", "ldapadd")))

needs_slapd = pytest.mark.skipif(
    _SLAPD is None or not _TOOLS, reason="slapd and ldap-utils are not installed"
)

SUFFIX: Final = "dc=corp,dc=test"
PEOPLE: Final = f"ou=people,{SUFFIX}"
LEAVERS: Final = f"ou=leavers,{SUFFIX}"
GROUPS: Final = f"ou=groups,{SUFFIX}"
ADMIN: Final = f"cn=admin,{SUFFIX}"
EVICT: Final = f"cn=evict,ou=services,{SUFFIX}"
POLICY: Final = f"cn=default,ou=policies,{SUFFIX}"
ADMIN_PASSWORD: Final = "Admin-Pass-1"
EVICT_PASSWORD: Final = "Evict-Pass-1"
OLD: Final = Secret("Old-Pass-1")
LOCKED: Final = "000001010000Z"

LDAPS_PORT: Final = 1636
LDAP_PORT: Final = 1389


class Shape(Struct, frozen=True, kw_only=True):
    """What the server is given.

    Attributes:
        lockout: `pwdLockout` of the default policy, without which slapd minds no lock.
        size_limit: entries that anybody but the administrator may read at once.
        session_log: changes that are remembered for those who come back.
        rights: whether the service account may write what it needs.
        server_id: in every change's number (olcServerID).
        provider: a server that this one is a replica of; it begins empty.
    """

    syncprov: bool = True
    ppolicy: bool = True
    accesslog: bool = True
    lockout: bool = True
    size_limit: str = "unlimited"
    session_log: int = 1000
    rights: bool = True
    server_id: int = 1
    provider: tuple[str, Path] | None = None


class Slapd:
    """One server; `start` and `stop` may follow each other, the data stays."""

    def __init__(self, folder: Path, shape: Shape | None = None) -> None:
        self.folder = folder
        self.shape = shape or Shape()
        dice = random.SystemRandom()
        self.host = f"127.163.{dice.randrange(1, 255)}.{dice.randrange(1, 255)}"
        self.ca_file = folder / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        for name in ("config", "data", "log"):
            (self.folder / name).mkdir()
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        mine = authority.issue_cert(self.host)
        mine.private_key_pem.write_to_path(self.folder / "key.pem")
        mine.cert_chain_pems[0].write_to_path(self.folder / "cert.pem")
        (self.folder / "admin.password").write_text(ADMIN_PASSWORD)
        self._slapadd(0, _config(self.folder, self.shape))
        if self.shape.provider is None:
            self._slapadd(1, _tree(self.shape))

    def _slapadd(self, number: int, ldif: str) -> None:
        command = ["slapadd", "-n", str(number), "-F", str(self.folder / "config")]
        done = subprocess.run(command, input=ldif.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def start(self) -> None:
        urls = f"ldap://{self.host}:{LDAP_PORT}/ ldaps://{self.host}:{LDAPS_PORT}/"
        log = (self.folder / "slapd.log").open("ab")
        assert _SLAPD is not None
        self._process = subprocess.Popen(
            [_SLAPD, "-F", str(self.folder / "config"), "-h", urls, "-d", "none"],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        for _ in range(200):
            assert self._process.poll() is None, (self.folder / "slapd.log").read_text()
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex((self.host, LDAPS_PORT)) == 0:
                    return
            time.sleep(0.03)
        raise AssertionError("slapd does not listen")

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def hide(self, dn: str) -> None:
        """From now on the service account sees nothing of it, nor of what lies below."""
        self.change(
            "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nadd: olcAccess\n"
            f'olcAccess: {{0}}to dn.subtree="{dn}" by * none\n',
            who="cn=config",
        )

    def change(self, ldif: str, *, who: str = ADMIN) -> None:
        """As the administrator; raises where the server refuses."""
        command = ["ldapmodify", "-x", "-D", who, "-y", str(self.folder / "admin.password")]
        command += ["-H", f"ldap://{self.host}:{LDAP_PORT}"]
        done = subprocess.run(command, input=ldif.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    def person(self, uid: str, **more: str) -> str:
        """An account that is let in with `OLD`; gives its DN."""
        dn = f"uid={uid},{PEOPLE}"
        lines = [f"{name}: {value}" for name, value in more.items()]
        self.change(
            f"dn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\nobjectClass: shadowAccount\n"
            f"uid: {uid}\ncn: {uid}\nsn: {uid}\nuserPassword: {OLD.reveal()}\n" + "\n".join(lines)
        )
        return dn

    def replace(self, dn: str, attribute: str, value: str | None) -> None:
        tail = f"{attribute}: {value}\n" if value is not None else ""
        self.change(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{tail}")

    def group(self, name: str, *members: str) -> str:
        """Of at least one member; gives its DN."""
        dn = f"cn={name},{GROUPS}"
        lines = "".join(f"member: {member}\n" for member in members)
        self.change(f"dn: {dn}\nchangetype: add\nobjectClass: groupOfNames\ncn: {name}\n{lines}")
        return dn

    def delete(self, dn: str) -> None:
        self.change(f"dn: {dn}\nchangetype: delete\n")

    def section(self, *, starttls: bool = False, **more: object) -> DirectorySection:
        port = LDAP_PORT if starttls else LDAPS_PORT
        return DirectorySection(
            product="openldap",
            name="corp",
            servers=(f"{self.host}:{port}",),
            base_dn=SUFFIX,
            bind_user=EVICT,
            password_file=Path("/nowhere"),
            ca_file=self.ca_file,
            openldap=OpenLdap(starttls=starttls, **more),  # type: ignore[arg-type]
        )


def _config(folder: Path, shape: Shape) -> str:
    modules = "".join(
        f"olcModuleLoad: {name}\n"
        for name in ("back_mdb", "syncprov", "ppolicy", "accesslog", "memberof")
    )
    schema = "".join(
        f"include: file:///etc/ldap/schema/{name}.ldif\n\n"
        for name in ("core", "cosine", "nis", "inetorgperson")
    )
    writes = (
        f'olcAccess: to dn.subtree="{PEOPLE}"'
        " attrs=userPassword,pwdAccountLockedTime,pwdReset,pwdEndTime,employeeType"
        f' by dn.exact="{EVICT}" write by anonymous auth by * none\n'
        if shape.rights
        else ""
    )
    main = f"""dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {SUFFIX}
olcRootDN: {ADMIN}
olcRootPW: {ADMIN_PASSWORD}
olcDbDirectory: {folder}/data
olcDbMaxSize: 1073741824
olcDbNoSync: TRUE
olcDbIndex: objectClass,entryUUID,entryCSN,uid,mail,member eq
olcLimits: dn.exact="{EVICT}" size={shape.size_limit} time=unlimited
{writes}olcAccess: to attrs=userPassword by anonymous auth by * none
olcAccess: to * by dn.exact="{EVICT}" read by * none
{_replica(shape)}
"""
    overlays = (
        "dn: olcOverlay=memberof,olcDatabase={1}mdb,cn=config\nobjectClass: olcOverlayConfig\n"
    )
    overlays += "objectClass: olcMemberOf\nolcOverlay: memberof\nolcMemberOfRefInt: TRUE\n\n"
    if shape.syncprov:
        overlays += f"""dn: olcOverlay=syncprov,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: syncprov
olcSpSessionlog: {shape.session_log}

"""
    if shape.ppolicy:
        overlays += f"""dn: olcOverlay=ppolicy,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: ppolicy
olcPPolicyDefault: {POLICY}
olcPPolicyHashCleartext: TRUE

"""
    if shape.accesslog:
        overlays += """dn: olcOverlay=accesslog,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcAccessLogConfig
olcOverlay: accesslog
olcAccessLogDB: cn=accesslog
olcAccessLogOps: writes
olcAccessLogSuccess: TRUE

"""
    log = f"""dn: olcDatabase={{2}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{2}}mdb
olcSuffix: cn=accesslog
olcRootDN: {ADMIN}
olcDbDirectory: {folder}/log
olcDbMaxSize: 1073741824
olcDbNoSync: TRUE
olcDbIndex: objectClass,reqStart,reqEntryUUID eq
olcLimits: dn.exact="{EVICT}" size={shape.size_limit} time=unlimited
olcAccess: to attrs=entry,objectClass,reqStart,reqType,reqDN,reqEntryUUID,reqResult
  by dn.exact="{EVICT}" read by * none
olcAccess: to * by * none

"""
    return f"""dn: cn=config
objectClass: olcGlobal
cn: config
olcServerID: {shape.server_id}
olcPidFile: {folder}/slapd.pid
olcTLSCACertificateFile: {folder}/ca.pem
olcTLSCertificateFile: {folder}/cert.pem
olcTLSCertificateKeyFile: {folder}/key.pem

dn: cn=module{{0}},cn=config
objectClass: olcModuleList
cn: module{{0}}
olcModulePath: /usr/lib/ldap
{modules}
dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

{schema}dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend
olcAccess: to dn.base="" by * read
olcAccess: to dn.base="cn=Subschema" by * read

dn: olcDatabase={{0}}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{0}}config
olcRootDN: cn=config
olcRootPW: {ADMIN_PASSWORD}
olcAccess: to * by * none

{main}{overlays}{log}"""


def _replica(shape: Shape) -> str:
    if shape.provider is None:
        return ""
    host, ca_file = shape.provider
    return (
        f"olcSyncrepl: rid=001 provider=ldaps://{host}:{LDAPS_PORT} bindmethod=simple"
        f' binddn="{ADMIN}" credentials={ADMIN_PASSWORD} searchbase="{SUFFIX}"'
        f' type=refreshAndPersist retry="1 +" tls_cacert={ca_file} tls_reqcert=demand\n'
        f"olcUpdateRef: ldap://{host}:{LDAP_PORT}\n"
    )


def _tree(shape: Shape) -> str:
    units = "".join(
        f"dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n\n"
        for unit in ("people", "leavers", "groups", "services", "policies")
    )
    lockout = "TRUE" if shape.lockout else "FALSE"
    return f"""dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
dc: corp
o: Corp

{units}dn: {EVICT}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: evict
userPassword: {EVICT_PASSWORD}

dn: {POLICY}
objectClass: applicationProcess
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: {lockout}
pwdMustChange: TRUE
pwdInHistory: 3

"""


@contextmanager
def slapd(shape: Shape | None = None) -> Iterator[Slapd]:
    """A server that runs, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="evict-slapd-") as folder:
        server = Slapd(Path(folder), shape)
        server.prepare()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@asynccontextmanager
async def directory(server: Slapd, **more: object) -> AsyncIterator[OpenLdapDirectory]:
    """The connector with short waits."""
    made = OpenLdapDirectory(
        server.section(**more),  # type: ignore[arg-type]
        Secret(EVICT_PASSWORD),
        timeouts=Timeouts(connect_s=1.0, answer_s=3.0),
    )
    try:
        yield made
    finally:
        await made.close()
