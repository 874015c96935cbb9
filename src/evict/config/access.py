# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import grp
import pwd
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct, structs

_WHO = "Users, or @group, of this host"


class AccessSection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may do what over the unix socket. Root is always an administrator."""

    administrators: Annotated[
        tuple[str, ...], Meta(description=f"{_WHO}: everything.", examples=[["@wheel"]])
    ] = ()
    operators: Annotated[
        tuple[str, ...], Meta(description=f"{_WHO}: close accounts.", examples=[["@evict"]])
    ] = ("@evict",)
    approvers: Annotated[
        tuple[str, ...],
        Meta(description=f"{_WHO}: approve what is held, reinstate.", examples=[["erika"]]),
    ] = ("@evict",)
    auditors: Annotated[
        tuple[str, ...],
        Meta(description=f"{_WHO}: read the audit log and the ledger.", examples=[["@audit"]]),
    ] = ()
    viewers: Annotated[
        tuple[str, ...], Meta(description=f"{_WHO}: look.", examples=[["@helpdesk"]])
    ] = ()


def unknown_names(section: AccessSection) -> dict[str, tuple[str, ...]]:
    """Setting -> the names in it that are no user or group of this host: they allow nobody.

    What nobody set is left out: a host without a service has no group `evict`.
    """
    found = {}
    for setting in structs.fields(AccessSection):
        names = getattr(section, setting.name)
        if names == setting.default:
            continue
        if missing := tuple(name for name in names if not _exists(name)):
            found[setting.name] = missing
    return found


def people_of(names: Iterable[str]) -> frozenset[int]:
    """The uids that a list names, by themselves or as members of its groups."""
    uids: set[int] = set()
    for name in names:
        try:
            if name.startswith("@"):
                group = grp.getgrnam(name[1:])
                uids |= {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group.gr_gid}
                uids |= {pwd.getpwnam(member).pw_uid for member in group.gr_mem}
            else:
                uids.add(pwd.getpwnam(name).pw_uid)
        except (KeyError, ValueError):
            continue
    return frozenset(uids)


def _exists(name: str) -> bool:
    try:
        if name.startswith("@"):
            grp.getgrnam(name[1:])
        else:
            pwd.getpwnam(name)
    except (KeyError, ValueError):
        return False
    return True
