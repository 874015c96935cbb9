# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from msgspec import Struct


class Account(Struct, frozen=True, kw_only=True):
    r"""One account as the directory holds it, at the moment it was read.

    Attributes:
        id: objectGUID in canonical lower-case text form (MS-DTYP 2.3.4.3); the key of everything.
        directory: name of the directory system it was found in.
        dn: distinguished name; may change, is never stored as a key.
        sam: sAMAccountName in the directory's own spelling.
        upn: userPrincipalName, or the implicit `sam@dns.domain` where none is set.
        domain: NetBIOS name of the domain, as in `DOMAIN\user`.
        dns_domain: DNS name of the domain, lower case.
        addresses: SMTP addresses (mail and proxyAddresses without prefix), primary first.
        groups: distinguished names of the groups it is a member of, nested ones included.
        enabled: what userAccountControl says.
        admin_count: adminCount is 1: AdminSDHolder protects it and more rights are needed
            (MS-ADTS 3.1.1.6.1).
        display_name: for people; may be empty.
    """

    id: str
    directory: str
    dn: str
    sam: str
    upn: str
    domain: str
    dns_domain: str
    addresses: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    enabled: bool = True
    admin_count: bool = False
    display_name: str = ""
