# SPDX-License-Identifier: Apache-2.0
"""What the server says of itself: the root DSE (MS-ADTS 3.1.1.3.2)."""

from __future__ import annotations

from typing import Final

from evict.lab.ldap import syntax
from evict.lab.ldap.entries import Entry, FixedEntry, Values
from evict.lab.ldap.tree import Tree
from evict.lab.model.directory import DirectoryAccount

DIRSYNC: Final = b"1.2.840.113556.1.4.841"
PAGED: Final = b"1.2.840.113556.1.4.319"
SD_FLAGS: Final = b"1.2.840.113556.1.4.801"
_SHOW_DELETED: Final = b"1.2.840.113556.1.4.417"
_DOMAIN_SCOPE: Final = b"1.2.840.113556.1.4.1339"
_MANAGE_DSA_IT: Final = b"2.16.840.1.113730.3.4.2"
CONTROLS: Final = frozenset(
    {DIRSYNC, PAGED, SD_FLAGS, _SHOW_DELETED, _DOMAIN_SCOPE, _MANAGE_DSA_IT}
)
"""Those that are taken. Nothing is deleted here, nothing refers elsewhere, and a descriptor has
no audit list: then the others change nothing."""

_ACTIVE_DIRECTORY: Final = ("1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670")
"""Active Directory, of Windows Server 2003 or later (MS-ADTS 3.1.1.3.4.3)."""
_LEVEL: Final = "7"
"""Windows Server 2016 (MS-ADTS 6.1.4.4)."""


class _Root(FixedEntry):
    """`tokenGroups` is of who asks, and given only by name."""

    token: Values = ()

    def values(self, name: str) -> Values:
        return self.token if name == "tokengroups" else super().values(name)


def entry(tree: Tree, host: str, bound: DirectoryAccount | None) -> Entry:
    """The root, for one who is bound, or for anybody.

    `currentTime` is the organisation's: the instants in the accounts are of the same clock.
    """
    schema = f"CN=Schema,{tree.configuration}"
    top = _Root(
        "",
        {
            "objectClass": "top",
            "currentTime": syntax.generalized(tree.now()),
            "defaultNamingContext": tree.base,
            "rootDomainNamingContext": tree.base,
            "configurationNamingContext": tree.configuration,
            "schemaNamingContext": schema,
            "namingContexts": (tree.base, tree.configuration, schema),
            "dnsHostName": host,
            "dsServiceName": tree.service,
            "highestCommittedUSN": str(tree.directory.usn),
            "supportedLDAPVersion": "3",
            "supportedControl": [oid.decode() for oid in sorted(CONTROLS)],
            "supportedCapabilities": _ACTIVE_DIRECTORY,
            "supportedExtension": "1.3.6.1.4.1.4203.1.11.3",
            "domainFunctionality": _LEVEL,
            "forestFunctionality": _LEVEL,
            "domainControllerFunctionality": _LEVEL,
            "isSynchronized": "TRUE",
        },
    )
    if bound is not None:
        top.token = tree.token(bound)
    return top
