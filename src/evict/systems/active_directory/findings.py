# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of a directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.core.names import login_forms
from evict.systems.active_directory import controls
from evict.systems.active_directory.controllers import Controllers
from evict.systems.active_directory.port import Port
from evict.systems.active_directory.reading import ATTRIBUTES, PEOPLE, account_of
from evict.systems.active_directory.rights import EVERYBODY, missing_rights
from evict.systems.ldap import filters
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import BASE, SUBTREE, Entry

_CERTIFICATE: Final = timedelta(days=30)
_SKEW_WARNING: Final = timedelta(seconds=60)
_SKEW_ERROR: Final = timedelta(minutes=5)
"""Kerberos refuses beyond it (RFC 4120 section 1.6)."""

_SAMPLE: Final = 200
_SHOWN: Final = 10
_ADMINS: Final = filters.equals("adminCount", "1")


async def findings(
    controllers: Controllers, base: str, username_formats: Sequence[str], *, watched: bool = False
) -> tuple[Finding, ...]:
    """Each controller by itself, then rights and shared names where one of them answers.

    Args:
        watched: deletions should be seen as well.
    """
    found: list[Finding] = []
    answers = False
    for port in controllers.ports:
        try:
            found += await _of_controller(port)
            if watched:
                found.append(await _deletions(port))
            answers = True
        except SystemFault as error:
            found.append(
                _finding(port, "directory-unusable", Severity.ERROR, error.text, error.code)
            )
    if answers:
        found += await controllers.on_first(lambda port: _rights(port, base))
        found += await _shared_forms(controllers, base, username_formats)
    return tuple(found)


async def _of_controller(port: Port) -> list[Finding]:
    ends = await port.certificate_ends()
    now = datetime.now(UTC)
    left = (ends - now).days
    soon = ends - now < _CERTIFICATE
    certificate = _finding(
        port,
        "directory-certificate",
        Severity.WARNING if soon else Severity.OK,
        f"the certificate of {port.name} ends in {left} days ({ends:%Y-%m-%d})",
        "renew it: without it every measure on this directory fails" if soon else "",
    )
    root = await port.search("", BASE, ANYTHING, ["currentTime"])
    return [certificate, _skew(port, root[0].text("currentTime") if root else "", now)]


def _skew(port: Port, told: str, now: datetime) -> Finding:
    try:
        theirs = datetime.strptime(told[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        text = f"{port.name} tells no time"
        return _finding(port, "directory-clock", Severity.WARNING, text)
    apart = abs(theirs - now)
    severity = Severity.ERROR if apart > _SKEW_ERROR else Severity.WARNING
    return _finding(
        port,
        "directory-clock",
        severity if apart > _SKEW_WARNING else Severity.OK,
        f"the clock of {port.name} is {apart.total_seconds():.0f} s from ours",
        "set both by the same time servers" if apart > _SKEW_WARNING else "",
    )


async def _deletions(port: Port) -> Finding:
    """Who may not look into Deleted Objects gets nothing, or its name alone (Samba)."""
    root = await port.search("", BASE, ANYTHING, ["defaultNamingContext"])
    container = f"CN=Deleted Objects,{root[0].text('defaultNamingContext') if root else ''}"
    found = await port.search(
        container, BASE, ANYTHING, ["objectClass"], controls=[controls.SHOW_DELETED]
    )
    if any(entry.attributes for entry in found):
        text = f"{port.name} shows deleted accounts"
        return _finding(port, "directory-deletions", Severity.OK, text)
    return _finding(
        port,
        "directory-deletions",
        Severity.WARNING,
        f"{port.name} does not show deleted accounts to the service account: somebody who is"
        " deleted, and was not disabled before, is not noticed",
        f"let it list and read {container} (LCRP)",
    )


async def _rights(port: Port, base: str) -> list[Finding]:
    """Accounts with `adminCount` apart: AdminSDHolder takes the usual grant away from them."""
    token = await _token(port)
    people = filters.all_of(PEOPLE, filters.negate(_ADMINS))
    admins = filters.all_of(PEOPLE, _ADMINS)
    return [
        _of_rights(port, await _sample(port, base, people), token, protected=False),
        _of_rights(port, await _sample(port, base, admins), token, protected=True),
    ]


def _of_rights(
    port: Port, sample: Sequence[Entry], token: frozenset[bytes], *, protected: bool
) -> Finding:
    code = "directory-rights-protected" if protected else "directory-rights"
    kind = "accounts that AdminSDHolder protects" if protected else "accounts"
    lacking: dict[str, list[str]] = defaultdict(list)
    unread = 0
    for entry in sample:
        try:
            missing = missing_rights(entry.raw("nTSecurityDescriptor"), token)
        except ValueError:
            unread += 1
            continue
        for right in missing:
            lacking[right].append(entry.text("sAMAccountName"))
    looked = len(sample) - unread
    if unread:
        text = f"the access list of {unread} of {len(sample)} {kind} cannot be read"
        return _finding(port, code, Severity.WARNING, text, "grant read permissions")
    if not lacking:
        text = f"the rights suffice for the {looked} {kind} looked at"
        return _finding(port, code, Severity.OK, text)
    listed = "; ".join(f"{right} on {_few(names)}" for right, names in lacking.items())
    all_lack = max(map(len, lacking.values())) == looked and not protected
    where = "on CN=AdminSDHolder,CN=System" if protected else "on their organisational units"
    return _finding(
        port,
        code,
        Severity.ERROR if all_lack else Severity.WARNING,
        f"of {looked} {kind} looked at, rights are missing: {listed}",
        f"grant them to the service account {where}, or close such accounts by hand",
    )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more


async def _token(port: Port) -> frozenset[bytes]:
    """SIDs of the service account and its groups, as the directory computes them."""
    root = await port.search("", BASE, ANYTHING, ["tokenGroups"])
    return EVERYBODY | frozenset(root[0].attributes.get("tokengroups", ()) if root else ())


async def _sample(port: Port, base: str, what: filters.Filter) -> list[Entry]:
    return await port.search(
        base,
        SUBTREE,
        what,
        ["nTSecurityDescriptor", "sAMAccountName"],
        limit=_SAMPLE,
        controls=[controls.dacl_only()],
    )


async def _shared_forms(
    controllers: Controllers, base: str, username_formats: Sequence[str]
) -> list[Finding]:
    """A name of two accounts cannot be revoked by name, and a hook cannot tell them apart."""
    domain = await controllers.domain()
    entries = await controllers.on_first(
        lambda port: port.search(base, SUBTREE, PEOPLE, ATTRIBUTES)
    )
    owners: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        account = account_of(entry, domain, directory=controllers.system)
        for form in login_forms(account, username_formats):
            owners[form].append(account.sam)
    shared = sorted((form, sams) for form, sams in owners.items() if len(sams) > 1)
    port = controllers.ports[0]
    found = [
        _finding(
            port,
            "directory-shared-name",
            Severity.WARNING,
            f"{form!a} is a login name of {len(sams)} accounts: {', '.join(sorted(sams))}",
            "give each account its own: the hooks refuse both when one of them leaves",
        )
        for form, sams in shared[:_SHOWN]
    ]
    if len(shared) > _SHOWN:
        text = f"{len(shared) - _SHOWN} more login names are shared"
        found.append(_finding(port, "directory-shared-name", Severity.WARNING, text))
    ok = f"no login name is shared among {len(entries)} accounts"
    return found or [_finding(port, "directory-shared-name", Severity.OK, ok)]


def _finding(port: Port, code: str, severity: Severity, text: str, remedy: str = "") -> Finding:
    return Finding(code=code, severity=severity, system=port.system, text=text, remedy=remedy)
