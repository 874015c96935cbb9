# SPDX-License-Identifier: Apache-2.0
"""Provisions the Samba domain and its first accounts, before the server runs."""

from __future__ import annotations

import re
from typing import Final

from estate import ldif, people
from estate.commands import EstateError, run
from estate.files import render, write
from estate.layout import (
    ADMINISTRATOR_PASSWORD,
    BASE_DN,
    DOMAIN,
    EVICT_PASSWORD,
    MAIL_HOST,
    PEOPLE_DN,
    REALM,
    SERVICES_DN,
    Layout,
)

FIRST_PEOPLE: Final = (
    *("alice", "bob"),  # leavers
    *("carol", "dave", "erin", "frank", "grace", "heidi"),  # bystanders
    *("boss", "admin-ann"),  # in "Evict Protected"; in Domain Admins
)
PROTECTED_BY_ADMINSDHOLDER: Final = "admin-ann"

_USER_CLASS: Final = "bf967aba-0de6-11d0-a285-00aa003049e2"
_RIGHTS_OF_EVICT: Final = (
    ("WP", "bf967a68-0de6-11d0-a285-00aa003049e2"),  # write userAccountControl
    ("WP", "bf967a0a-0de6-11d0-a285-00aa003049e2"),  # write pwdLastSet
    ("CR", "00299570-246d-11d0-a768-00aa006e0529"),  # User-Force-Change-Password
)
"""Spec: MS-ADA1, MS-ADA3 (attribute GUIDs), MS-ADTS 5.1.3.2.1 (control access rights)."""

_ADMINSDHOLDER: Final = (
    "O:DAG:DAD:PAI(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)"
    "(A;;RPWPCRCCDCLCLORCWOWDSDSW;;;BA)(A;;RPLCLORC;;;AU)"
    "(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)"
)
"""Nothing is inherited. Quirk: Samba 4.17 has no process that stamps it, so the estate does."""


_DELETED_OBJECTS: Final = "O:SYG:SYD:PAI(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)(A;;RPLC;;;BA)"


def make(layout: Layout) -> None:
    """Provision the domain CORP.TEST and fill it."""
    _provision(layout)
    write(layout.smb_conf, render(layout, "smb.conf"), 0o644)
    write(layout.krb5_config, render(layout, "krb5.conf"), 0o644)
    _modify(layout, _policy() + _services())
    for right, guid in _RIGHTS_OF_EVICT:
        grant(layout, PEOPLE_DN, right, guid)
    show_deleted(layout)
    _modify(layout, _people())
    for service in ("imap", "pop", "sieve", "smtp"):
        run(
            *("samba-tool", "domain", "exportkeytab", layout.keytab, "-s", layout.smb_conf),
            f"--principal={service}/{MAIL_HOST}",
        )


def grant(layout: Layout, dn: str, right: str, guid: str) -> None:
    """Let svc-evict do one thing to all users below `dn`."""
    sid = _sid(layout, "svc-evict")
    run(
        *("samba-tool", "dsacl", "set", "-s", layout.smb_conf, f"--objectdn={dn}"),
        f"--sddl=(OA;CIIO;{right};{guid};{_USER_CLASS};{sid})",
    )


def show_deleted(layout: Layout) -> None:
    """Let svc-evict look into Deleted Objects, or no deletion is shown to it.

    The list is the container's own of a fresh domain, with one entry more.
    """
    dn, sid = f"CN=Deleted Objects,{BASE_DN}", _sid(layout, "svc-evict")
    sddl = f"{_DELETED_OBJECTS}(A;;RPLC;;;{sid})"
    _modify(layout, ldif.modify(dn, {"nTSecurityDescriptor": sddl}), "--show-deleted")


def _provision(layout: Layout) -> None:
    """`-s /dev/null`: the host's own smb.conf must not be read. No DNS and no shares are wanted."""
    run(
        *("samba-tool", "domain", "provision", "-s", "/dev/null"),
        *(f"--targetdir={layout.state / 'samba'}", "--server-role=dc", "--use-rfc2307"),
        *("--dns-backend=NONE", f"--realm={REALM}", f"--domain={DOMAIN}", "--host-name=dc1"),
        *(f"--host-ip={layout.ip}", f"--adminpass={ADMINISTRATOR_PASSWORD}"),
        *(f"--option=interfaces={layout.ip}/8", "--option=bind interfaces only=yes"),
    )


def _policy() -> str:
    """Passwords may be changed at once and do not expire; the history stays at its default, 24."""
    return ldif.modify(BASE_DN, {"minPwdAge": "0", "maxPwdAge": str(-(2**63))})


def _services() -> str:
    names = [f"{service}/{MAIL_HOST}" for service in ("imap", "pop", "sieve", "smtp")]
    return (
        ldif.add(PEOPLE_DN, {"objectClass": "organizationalUnit"})
        + ldif.add(SERVICES_DN, {"objectClass": "organizationalUnit"})
        + people.service("svc-mail", "Svc-Mail-1")
        + people.service("svc-evict", EVICT_PASSWORD)
        + people.service("svc-dovecot", "Svc-Dovecot-1", names)
    )


def _people() -> str:
    everybody = "".join(people.entry(people.person(name)) for name in FIRST_PEOPLE)
    boss, ann = people.person("boss"), people.person(PROTECTED_BY_ADMINSDHOLDER)
    group = {"objectClass": "group", "sAMAccountName": "Evict Protected", "member": boss.dn}
    return (
        everybody
        + ldif.add(f"CN=Evict Protected,CN=Users,{BASE_DN}", group)
        + ldif.add_value(f"CN=Domain Admins,CN=Users,{BASE_DN}", "member", [ann.dn])
        + ldif.modify(ann.dn, {"adminCount": "1", "nTSecurityDescriptor": _ADMINSDHOLDER})
    )


def _modify(layout: Layout, changes: str, *options: str) -> None:
    path = layout.state / "samba" / "changes.ldif"
    write(path, changes, 0o600)
    run("ldbmodify", *options, "-H", layout.sam, path)
    path.unlink()


def _sid(layout: Layout, sam: str) -> str:
    found = run("ldbsearch", "-H", layout.sam, f"(sAMAccountName={sam})", "objectSid")
    match = re.search(r"^objectSid: (S-[0-9-]+)$", found, re.MULTILINE)
    if match is None:
        raise EstateError(f"{sam} has no objectSid")
    return match[1]
