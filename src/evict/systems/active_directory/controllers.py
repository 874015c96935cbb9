# SPDX-License-Identifier: Apache-2.0
"""Several domain controllers as one directory: acted on at the first that answers, seen at all."""

from __future__ import annotations

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.systems.active_directory.port import Port
from evict.systems.ldap import filters
from evict.systems.ldap.filters import ANYTHING
from evict.systems.ldap.messages import BASE, SUBTREE
from evict.systems.ldap.servers import Servers


class Domain(Struct, frozen=True, kw_only=True):
    r"""What does not change while Evict runs.

    Attributes:
        naming_context: distinguished name of the domain.
        dns_domain: DNS name, lower case.
        netbios: as in `DOMAIN\user`.
        sid: objectSid of the domain, as stored.
    """

    naming_context: str
    dns_domain: str
    netbios: str
    sid: bytes


class Controllers(Servers[Port]):
    """The domain controllers of one domain, in the order in which they are tried."""

    def __init__(self, ports: tuple[Port, ...]) -> None:
        super().__init__(ports)
        self._domain: Domain | None = None
        self._primary_groups: dict[int, str] = {}

    async def domain(self) -> Domain:
        if self._domain is None:
            self._domain = await self.on_first(_read_domain)
        return self._domain

    async def primary_group(self, rid: int) -> str:
        """Distinguished name of a group by its relative id; "" where there is none."""
        if rid not in self._primary_groups:
            domain = await self.domain()
            sid = sid_below(domain.sid, rid)
            found = await self.on_first(
                lambda port: port.search(
                    domain.naming_context, SUBTREE, filters.equals("objectSid", sid), ["1.1"]
                )
            )
            self._primary_groups[rid] = found[0].dn if found else ""
        return self._primary_groups[rid]


def sid_below(domain_sid: bytes, rid: int) -> bytes:
    """The SID of something in a domain (MS-DTYP 2.4.2.2: count, then 32-bit little-endian ids)."""
    count = domain_sid[1] + 1
    return domain_sid[:1] + bytes([count]) + domain_sid[2:] + rid.to_bytes(4, "little")


async def _read_domain(port: Port) -> Domain:
    root = await port.search(
        "", BASE, ANYTHING, ["defaultNamingContext", "configurationNamingContext"]
    )
    context = root[0].text("defaultNamingContext") if root else ""
    if not context:
        raise RemoteProtocolError(f"{port.name} is no domain controller", system=port.system)
    top = await port.search(context, BASE, ANYTHING, ["objectSid"])
    partitions = await port.search(
        f"CN=Partitions,{root[0].text('configurationNamingContext')}",
        SUBTREE,
        filters.equals("nCName", context),
        ["nETBIOSName", "dnsRoot"],
    )
    if not top or not partitions or len(top[0].raw("objectSid")) < 8:
        raise RemoteProtocolError(
            f"{port.name} does not show the domain {context} to the service account",
            system=port.system,
        )
    return Domain(
        naming_context=context,
        dns_domain=partitions[0].text("dnsRoot").lower(),
        netbios=partitions[0].text("nETBIOSName"),
        sid=top[0].raw("objectSid"),
    )
