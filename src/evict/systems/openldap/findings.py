# SPDX-License-Identifier: Apache-2.0
"""What `evict doctor` says of an OpenLDAP directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from evict.core.errors import SystemFault
from evict.core.exposure import Finding, Severity
from evict.core.names import login_forms
from evict.systems.ldap import messages
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import BASE, DELETE, SUBTREE, Change, Entry
from evict.systems.ldap.servers import Servers
from evict.systems.openldap.exposure import lock_counts
from evict.systems.openldap.measures import lock_attribute
from evict.systems.openldap.port import Port
from evict.systems.openldap.reading import LOCK, PASSWORD, RESET, Shape
from evict.systems.openldap.sync import SYNC_REQUEST

_CERTIFICATE: Final = timedelta(days=30)
_SAMPLE: Final = 20
_SHOWN: Final = 10
_NEVER: Final = {LOCK: b"19700101000000Z", RESET: b"FALSE"}
"""Values that no account has, or that change nothing where one has them."""


async def findings(
    servers: Servers[Port], shape: Shape, username_formats: Sequence[str]
) -> tuple[Finding, ...]:
    """Each server by itself, then rights, policy, watch and shared names where one answers."""
    found: list[Finding] = []
    answers = False
    for port in servers.ports:
        try:
            found.append(await _certificate(port))
            answers = True
        except SystemFault as error:
            found.append(
                _finding(shape, "directory-unusable", Severity.ERROR, error.text, error.code)
            )
    if answers:
        found.append(await servers.on_first(lambda port: _rights(port, shape)))
        found.append(await _lock(servers, shape))
        found.append(await servers.on_first(lambda port: _watch(port, shape)))
        found += await _shared_forms(servers, shape, username_formats)
    return tuple(found)


async def _certificate(port: Port) -> Finding:
    ends = await port.certificate_ends()
    now = datetime.now(UTC)
    soon = ends - now < _CERTIFICATE
    return Finding(
        code="directory-certificate",
        severity=Severity.WARNING if soon else Severity.OK,
        system=port.system,
        text=f"the certificate of {port.name} ends in {(ends - now).days} days ({ends:%Y-%m-%d})",
        remedy="renew it: without it every measure on this directory fails" if soon else "",
    )


async def _rights(port: Port, shape: Shape) -> Finding:
    """Deleting a value that is not there: slapd looks at the rights first, then refuses it.

    Quirk: slapd 2.5 answers 50 without the right and 16 with it; nothing is written either way.
    """
    code = "directory-rights"
    sample = await port.search(shape.base, SUBTREE, shape.people, ["1.1"], limit=_SAMPLE)
    if not sample:
        text = f"no account is to be seen below {shape.base}"
        remedy = "check base_dn, people_class, uid, and the service account's read access"
        return _finding(shape, code, Severity.ERROR, text, remedy)
    wanted = [PASSWORD, *filter(None, [lock_attribute(shape)])]
    lacking: dict[str, int] = defaultdict(int)
    for entry in sample:
        for attribute in wanted:
            value = _NEVER.get(attribute, b"{EVICT}no such value")
            gone = Change(kind=DELETE, attribute=attribute, values=(value,))
            result = await port.modify(entry.dn, [gone])
            lacking[attribute] += result.code == messages.INSUFFICIENT_ACCESS_RIGHTS
    missing = {name: count for name, count in lacking.items() if count}
    if not missing:
        text = f"the rights suffice for the {len(sample)} accounts looked at"
        return _finding(shape, code, Severity.OK, text)
    listed = "; ".join(f"{name} of {count}" for name, count in missing.items())
    everywhere = max(missing.values()) == len(sample)
    return _finding(
        shape,
        code,
        Severity.ERROR if everywhere else Severity.WARNING,
        f"of {len(sample)} accounts looked at, rights are missing: {listed}",
        "give the service account write access to these attributes (olcAccess)",
    )


async def _lock(servers: Servers[Port], shape: Shape) -> Finding:
    code = "directory-lock"
    if lock_attribute(shape) != LOCK:
        text = f"accounts are disabled by {lock_attribute(shape) or 'their password'}"
        return _finding(shape, code, Severity.OK, text)
    if await lock_counts(servers, shape):
        text = "the overlay ppolicy is at work, and a policy makes locks count"
        return _finding(shape, code, Severity.OK, text)
    return _finding(
        shape,
        code,
        Severity.WARNING,
        "no overlay ppolicy with pwdLockout TRUE is to be seen: without it slapd minds no lock,"
        " and Evict sets a password that nothing matches",
        "set up the overlay ppolicy with pwdLockout TRUE, or set disable_by",
    )


async def _watch(port: Port, shape: Shape) -> Finding:
    code = "directory-watch"
    if shape.settings.watch_by == "accesslog":
        base = shape.settings.accesslog_base
        seen = await port.search(base, BASE, ANYTHING, ["1.1"])
        if seen:
            return _finding(shape, code, Severity.OK, f"{base} can be read")
        text = f"{base} cannot be read: the watch is blind"
        remedy = "set up the overlay accesslog, and let the service account read it"
        return _finding(shape, code, Severity.ERROR, text, remedy)
    root = await port.search("", BASE, ANYTHING, ["supportedControl"])
    top = await port.search(shape.base, BASE, ANYTHING, ["contextCSN"])
    offered = SYNC_REQUEST.decode() in (root[0].texts("supportedControl") if root else ())
    if offered and top and top[0].texts("contextCSN"):
        return _finding(shape, code, Severity.OK, f"{port.name} tells what changes (syncprov)")
    text = f"{port.name} shows no contextCSN at {shape.base}: the watch cannot go by syncrepl"
    remedy = "set up the overlay syncprov (with a session log), or set watch_by to accesslog"
    return _finding(shape, code, Severity.WARNING, text, remedy)


async def _shared_forms(
    servers: Servers[Port], shape: Shape, username_formats: Sequence[str]
) -> list[Finding]:
    """A name of two accounts cannot be revoked by name, and a hook cannot tell them apart."""
    entries: list[Entry] = await servers.on_first(
        lambda port: port.search(shape.base, SUBTREE, shape.people, shape.attributes)
    )
    owners: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        account = shape.account(entry)
        for form in login_forms(account, username_formats):
            owners[form].append(account.sam)
    shared = sorted((form, who) for form, who in owners.items() if len(who) > 1)
    code = "directory-shared-name"
    found = [
        _finding(
            shape,
            code,
            Severity.WARNING,
            f"{form!a} is a login name of {len(who)} accounts: {', '.join(sorted(who))}",
            "give each account its own: the hooks refuse both when one of them leaves",
        )
        for form, who in shared[:_SHOWN]
    ]
    if len(shared) > _SHOWN:
        text = f"{len(shared) - _SHOWN} more login names are shared"
        found.append(_finding(shape, code, Severity.WARNING, text))
    ok = f"no login name is shared among {len(entries)} accounts"
    return found or [_finding(shape, code, Severity.OK, ok)]


def _finding(shape: Shape, code: str, severity: Severity, text: str, remedy: str = "") -> Finding:
    return Finding(code=code, severity=severity, system=shape.name, text=text, remedy=remedy)
