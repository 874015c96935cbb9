# SPDX-License-Identifier: Apache-2.0
"""Accounts of the estate: made, disabled, changed and removed over LDAPS, as an administrator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from estate import ldif
from estate.commands import run
from estate.layout import (
    ADMINISTRATOR,
    ADMINISTRATOR_PASSWORD,
    BASE_DN,
    DNS_DOMAIN,
    LDAPS,
    PEOPLE_DN,
    SERVICES_DN,
    Layout,
)


class Person(Struct, frozen=True, kw_only=True):
    """One account with a mailbox.

    Attributes:
        name: sAMAccountName, in the directory's spelling.
        aliases: further addresses (proxyAddresses).
        groups: distinguished names.
    """

    name: str
    password: str
    upn: str
    mail: str
    aliases: tuple[str, ...]
    dn: str
    groups: tuple[str, ...] = ()


def person(
    name: str,
    *,
    password: str | None = None,
    aliases: Sequence[str] | None = None,
    groups: Sequence[str] = (),
) -> Person:
    """The account that `create` would make."""
    return Person(
        name=name,
        password=password or f"Pass-{name}1",
        upn=f"{name}@{DNS_DOMAIN}",
        mail=f"{name}@{DNS_DOMAIN}",
        aliases=tuple(aliases if aliases is not None else (f"{name}.alias@{DNS_DOMAIN}",)),
        dn=f"CN={name},{PEOPLE_DN}",
        groups=tuple(groups),
    )


def create(
    layout: Layout,
    name: str,
    *,
    password: str | None = None,
    aliases: Sequence[str] | None = None,
    groups: Sequence[str] = (),
) -> Person:
    """Make one account; its password is `Pass-<name>1` unless told."""
    made = person(name, password=password, aliases=aliases, groups=groups)
    modify(layout, entry(made))
    return made


def create_many(layout: Layout, names: Iterable[str]) -> list[Person]:
    """Make many accounts over one connection."""
    made = [person(name) for name in names]
    modify(layout, "".join(entry(each) for each in made), timeout_s=1800.0)
    return made


def disable(layout: Layout, someone: Person) -> None:
    """The ordinary way: ACCOUNTDISABLE is set in userAccountControl, and nothing else."""
    modify(layout, ldif.modify(someone.dn, {"userAccountControl": "514"}))


def enable(layout: Layout, someone: Person) -> None:
    modify(layout, ldif.modify(someone.dn, {"userAccountControl": "512"}))


def set_password(layout: Layout, someone: Person, password: str) -> None:
    """An administrator's reset."""
    modify(layout, ldif.modify(someone.dn, {"unicodePwd": ldif.unicode_pwd(password)}))


def remove(layout: Layout, someone: Person) -> None:
    modify(layout, ldif.delete(someone.dn))


def modify(
    layout: Layout,
    changes: str,
    *,
    bind: str = ADMINISTRATOR,
    password: str = ADMINISTRATOR_PASSWORD,
    timeout_s: float = 60.0,
) -> None:
    """Send LDIF changes over LDAPS, the server verified. Raises `EstateError`."""
    run(
        *("ldapmodify", "-x", "-H", f"ldaps://{layout.ip}:{LDAPS}", "-D", bind, "-w", password),
        stdin=changes,
        env={"LDAPTLS_CACERT": str(layout.ca), "LDAPTLS_REQCERT": "demand"},
        timeout_s=timeout_s,
    )


def read(layout: Layout, sam: str, *attributes: str) -> str:
    """What ldapsearch prints of one account, one `attribute: value` a line."""
    return run(
        *("ldapsearch", "-LLL", "-x", "-o", "ldif-wrap=no", "-H", f"ldaps://{layout.ip}:{LDAPS}"),
        *("-D", ADMINISTRATOR, "-w", ADMINISTRATOR_PASSWORD, "-b", BASE_DN),
        *(f"(sAMAccountName={sam})", *attributes),
        env={"LDAPTLS_CACERT": str(layout.ca), "LDAPTLS_REQCERT": "demand"},
    )


def entry(someone: Person) -> str:
    """LDIF that makes the account and puts it into its groups."""
    made = ldif.add(
        someone.dn,
        {
            "objectClass": "user",
            "sAMAccountName": someone.name,
            "userPrincipalName": someone.upn,
            "displayName": someone.name.title(),
            "mail": someone.mail,
            "proxyAddresses": [
                f"SMTP:{someone.mail}",
                *(f"smtp:{alias}" for alias in someone.aliases),
            ],
            "userAccountControl": "512",
            "unicodePwd": ldif.unicode_pwd(someone.password),
        },
    )
    return made + "".join(ldif.add_value(g, "member", [someone.dn]) for g in someone.groups)


def service(name: str, password: str, principals: Sequence[str] = ()) -> str:
    """LDIF that makes a service account, outside the people."""
    attributes: dict[str, str | bytes | Sequence[str]] = {
        "objectClass": "user",
        "sAMAccountName": name,
        "userPrincipalName": f"{name}@{DNS_DOMAIN}",
        "userAccountControl": "66048",  # enabled, its password does not expire
        "unicodePwd": ldif.unicode_pwd(password),
    }
    if principals:
        attributes["servicePrincipalName"] = principals
    return ldif.add(f"CN={name},{SERVICES_DN}", attributes)
