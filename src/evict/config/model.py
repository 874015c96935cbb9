# SPDX-License-Identifier: Apache-2.0
"""Typed settings. The example file and its comments are printed from these classes.

A section's comment is its docstring, a field's its description; an example value stands where the
default is nothing. Of the `extra` metadata, `credential` marks the file of a secret, which may be
the bare name of a systemd credential, and `shown` a field that the example file does not comment
out though it has a default.

Long: one list of settings, read from top to bottom like the file that it describes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from evict.config.access import AccessSection
from evict.config.audit import AuditSection
from evict.config.exchange import ExchangeSection
from evict.config.guard import GuardSection
from evict.config.kinds import CREDENTIAL, CaFile, Port, ServerName
from evict.config.notify import NotifySection
from evict.config.openldap import OpenLdap
from evict.config.roundcube import RoundcubeSection
from evict.config.service import HttpSection
from evict.config.sogo import SogoSection
from evict.config.staying import StayingSection
from evict.config.watch import WatchSection

_SHOWN: Final = {"shown": True}


class Ledger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The append-only record of who may no longer come in."""

    path: Annotated[
        Path, Meta(description="The ledger's SQLite file. On a local disk, never on NFS.")
    ] = Path("/var/lib/evict/ledger.db")


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The control plane, `evict serve`."""

    socket: Annotated[Path, Meta(description="Where `evict serve` answers the command line.")] = (
        Path("/run/evict/control.sock")
    )
    feed: Annotated[Path, Meta(description="Where agents connect for the numbered feed.")] = Path(
        "/run/evict/feed.sock"
    )
    run_agent: Annotated[
        bool, Meta(description="Run the agent in the same process as the control plane.")
    ] = True
    case_timeout_s: Annotated[
        float, Meta(description="How long one look at all doors may take, seconds.", gt=0)
    ] = 30.0


class Agent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process beside the mail servers that answers their hooks."""

    name: Annotated[str, Meta(description="Name of this agent in acknowledgements.")] = "agent"
    control_socket: Annotated[
        Path | None,
        Meta(
            description="For `evict doctor`: lets it stop the hooks for a moment.",
            examples=["/run/evict/agent.sock"],
        ),
    ] = None
    socket_group: Annotated[
        str | None,
        Meta(
            description="Group that may use that socket: the control plane's.",
            examples=["evict"],
        ),
    ] = None
    may_stop_hooks: Annotated[
        bool, Meta(description="Allow `evict doctor` to stop the hooks for a moment.")
    ] = False


class Protected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts that no order closes (exit code 5)."""

    ids: Annotated[
        tuple[str, ...],
        Meta(
            description="objectGUIDs never to be revoked.",
            examples=[["0b2c1f6e-4d1a-4f7b-9a51-3c1d7e9f2a10"]],
        ),
    ] = ()
    names: Annotated[
        tuple[str, ...],
        Meta(
            description="Names never to be revoked: UPN, DOMAIN\\user, address.",
            examples=[["break-glass@corp.example"]],
        ),
    ] = ()
    groups: Annotated[
        tuple[str, ...],
        Meta(
            description="Groups (DN or common name) whose members are never to be revoked.",
            examples=[["Domain Admins"]],
        ),
    ] = ()


class Keys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Key files; `evict key init` makes them."""

    probe_key_file: Annotated[
        Path,
        Meta(
            description="Key from which the passwords that Evict sets are derived.",
            extra=CREDENTIAL,
        ),
    ] = Path("/etc/evict/probe.key")
    signing_key_file: Annotated[
        Path | None,
        Meta(
            description="Ed25519 private key that signs evidence. Leave it out where the key lives"
            " on another host: statements are then stored unsigned for `evict evidence sign`.",
            examples=["/etc/evict/evidence.key"],
            extra=CREDENTIAL,
        ),
    ] = None
    public_key_file: Annotated[Path, Meta(description="Its public half, for `evict verify`.")] = (
        Path("/etc/evict/evidence.pub")
    )


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed statements of what was seen."""

    folder: Annotated[Path, Meta(description="Where evidence is kept.")] = Path(
        "/var/lib/evict/evidence"
    )


class Probes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How doors are tried as the leaver would."""

    source_addresses: Annotated[
        str | None,
        Meta(
            description="Network (CIDR) of this host's addresses that only probes use: Dovecot"
            " delays everybody's logins from an address after failures.",
            examples=["10.9.8.0/28"],
        ),
    ] = None
    timeout_s: Annotated[float, Meta(description="Of one try at one door, seconds.", gt=0)] = 10.0
    witness_open_ms: Annotated[
        int,
        Meta(description="Longest wait for witness sessions before the commit.", ge=0, le=300),
    ] = 300
    witness_beat_ms: Annotated[
        int, Meta(description="Pause between two beats of a witness session.", ge=1, le=1000)
    ] = 5


class DirectorySection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The directory: an Active Directory domain (Samba's too), or OpenLDAP."""

    product: Annotated[
        Literal["active_directory", "openldap"], Meta(description="active_directory or openldap.")
    ] = "active_directory"
    name: Annotated[str, Meta(description="Name in doors and reports.")] = "directory"
    servers: Annotated[
        tuple[str, ...],
        Meta(
            description="Domain controllers, host or host:port (LDAPS). Written on the first"
            " that answers, probed on all.",
            min_length=1,
            examples=[["dc1.corp.example", "dc2.corp.example"]],
        ),
    ]
    base_dn: Annotated[str, Meta(description="Where to search.", examples=["DC=corp,DC=example"])]
    bind_user: Annotated[
        str,
        Meta(description="Service account (UPN or DN).", examples=["svc-evict@corp.example"]),
    ]
    password_file: Annotated[
        Path,
        Meta(
            description="Its password.",
            examples=["/etc/evict/directory.password"],
            extra=CREDENTIAL,
        ),
    ]
    ca_file: CaFile = None
    server_name: Annotated[
        str | None,
        Meta(
            description="Name the certificates must carry, where it is not the host's.",
            examples=["dc1.corp.example"],
        ),
    ] = None
    realm: Annotated[
        str | None,
        Meta(
            description="Kerberos realm; leave out to leave Kerberos alone.",
            examples=["CORP.EXAMPLE"],
        ),
    ] = None
    krb5_config: Annotated[
        Path | None,
        Meta(
            description="krb5.conf for the probes; else the system's.", examples=["/etc/krb5.conf"]
        ),
    ] = None
    old_password_minutes: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="OldPasswordAllowedPeriod, where it was changed; else 60, assumed.",
            examples=[60],
        ),
    ] = None
    ticket_life_minutes: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Longest life of a Kerberos ticket; else 600, assumed.", examples=[600]),
    ] = None
    openldap: OpenLdap = OpenLdap()


class DovecotHook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dovecot asks the agent before and after each authentication (auth policy)."""

    listen: Annotated[
        str,
        Meta(description="host:port of the auth-policy hook.", examples=["127.0.0.1:4001"]),
    ]
    api_key_file: Annotated[
        Path,
        Meta(
            description="Value of the X-API-Key header that Dovecot sends with each question.",
            examples=["/etc/evict/policy.key"],
            extra=CREDENTIAL,
        ),
    ]


class DovecotSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Dovecot server: IMAP, POP3, ManageSieve. May stand more than once."""

    name: Annotated[str, Meta(description="Name in doors and reports.")] = "dovecot"
    doveadm_url: Annotated[
        str,
        Meta(
            description="Dovecot's doveadm HTTP listener.",
            examples=["http://127.0.0.1:8080/doveadm/v1"],
        ),
    ]
    api_key_file: Annotated[
        Path,
        Meta(
            description="doveadm_api_key.",
            examples=["/etc/evict/doveadm.key"],
            extra=CREDENTIAL,
        ),
    ]
    host: Annotated[
        str, Meta(description="Where its doors are tried.", examples=["mail.corp.example"])
    ]
    server_name: ServerName = None
    ca_file: CaFile = None
    imap_port: Annotated[
        Port | None, Meta(description="IMAP with implicit TLS; false where it is off.")
    ] = 993
    pop3_port: Annotated[
        Port | None, Meta(description="POP3 with implicit TLS; false where it is off.")
    ] = 995
    managesieve_port: Annotated[
        Port | None, Meta(description="ManageSieve (STARTTLS); false where it is off.")
    ] = 4190
    username_format: Annotated[
        str, Meta(description="auth_username_format: %u, %n, %d, each plain or with L.")
    ] = "%Lu"
    gssapi: Annotated[bool, Meta(description="Dovecot takes Kerberos tickets.")] = False
    master_user: Annotated[
        str | None,
        Meta(
            description="Dovecot master user for witness sessions (`--witness`).",
            examples=["evict-witness"],
        ),
    ] = None
    master_password_file: Annotated[
        Path | None,
        Meta(
            description="Its password.",
            examples=["/etc/evict/master.password"],
            extra=CREDENTIAL,
        ),
    ] = None
    master_separator: Annotated[
        str | None,
        Meta(description="auth_master_user_separator, where master users exist.", examples=["*"]),
    ] = None
    config_file: Annotated[
        Path, Meta(description="Main configuration, read with doveconf for `evict exposure`.")
    ] = Path("/etc/dovecot/dovecot.conf")
    command_prefix: Annotated[
        tuple[str, ...],
        Meta(
            description="Put before doveconf, to run it on the mail server (ssh, sudo).",
            examples=[["ssh", "mail.corp.example"]],
        ),
    ] = ()
    hook: Annotated[
        DovecotHook | None, Meta(description="The auth-policy hook the agent answers.")
    ] = None


class PostfixHook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Postfix asks the agent at RCPT, DATA and end of data (policy delegation)."""

    unix_socket: Annotated[
        Path | None,
        Meta(
            description="Policy-delegation socket inside Postfix's chroot.",
            examples=["/var/spool/postfix/evict/policy"],
            extra=_SHOWN,
        ),
    ] = None
    listen: Annotated[
        str | None, Meta(description="The same over TCP, host:port.", examples=["127.0.0.1:4002"])
    ] = None
    socket_group: Annotated[
        str | None,
        Meta(
            description="Group that may connect to the socket (Postfix's own).",
            examples=["postfix"],
        ),
    ] = None


class PostfixSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Postfix server: submission and the queue. May stand more than once."""

    name: Annotated[str, Meta(description="Name in doors and reports.")] = "postfix"
    host: Annotated[
        str,
        Meta(description="Where its submission door is tried.", examples=["mail.corp.example"]),
    ]
    submission_port: Annotated[Port, Meta(description="Submission port.")] = 587
    submission_tls: Annotated[
        str, Meta(description="starttls, implicit or none.", pattern="^(starttls|implicit|none)$")
    ] = "starttls"
    server_name: ServerName = None
    ca_file: CaFile = None
    config_directory: Annotated[Path, Meta(description="Postfix's config_directory.")] = Path(
        "/etc/postfix"
    )
    command_prefix: Annotated[
        tuple[str, ...],
        Meta(
            description="Put before postconf and postqueue, to run them on the mail server.",
            examples=[["ssh", "mail.corp.example"]],
        ),
    ] = ()
    hold_prefix: Annotated[
        tuple[str, ...],
        Meta(description='Put before postsuper, which needs root: ["sudo", "-n"].'),
    ] = ("sudo", "-n")
    hook: Annotated[
        PostfixHook | None, Meta(description="The policy-delegation hook the agent answers.")
    ] = None


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of evict.toml."""

    ledger: Ledger = Ledger()
    control: Control = Control()
    agent: Agent = Agent()
    protected: Protected = Protected()
    guard: GuardSection = GuardSection()
    access: AccessSection = AccessSection()
    watch: WatchSection = WatchSection()
    staying: StayingSection = StayingSection()
    notify: NotifySection = NotifySection()
    http: HttpSection = HttpSection()
    audit: AuditSection = AuditSection()
    keys: Keys = Keys()
    evidence: Evidence = Evidence()
    probes: Probes = Probes()
    directory: DirectorySection
    dovecot: tuple[DovecotSection, ...] = ()
    postfix: tuple[PostfixSection, ...] = ()
    exchange: tuple[ExchangeSection, ...] = ()
    sogo: tuple[SogoSection, ...] = ()
    roundcube: tuple[RoundcubeSection, ...] = ()

    @property
    def has_hooks(self) -> bool:
        """Whether some server asks the agent, so that `evict serve` must be running."""
        hooks = [
            *(d.hook for d in self.dovecot),
            *(p.hook for p in self.postfix),
            *(hook for web in self.behind_fronts for hook in (web.hook, web.haproxy)),
        ]
        return any(hooks)

    @property
    def behind_fronts(self) -> tuple[ExchangeSection | SogoSection | RoundcubeSection, ...]:
        """Systems that may have a front before them, which asks the agent or is pushed to."""
        return (*self.exchange, *self.sogo, *self.roundcube)
