# SPDX-License-Identifier: Apache-2.0
"""The estate's people as a connector is told of them."""

from __future__ import annotations

from datetime import UTC, datetime

from estate import layout as at
from estate.people import Person
from evict.core.account import Account
from evict.core.names import login_forms
from evict.core.secret import Secret
from evict.systems.base import Order, Passwords

PASSWORDS = Passwords(first=Secret("first"), second=Secret("second"))


def account(person: Person) -> Account:
    return Account(
        id=f"id-of-{person.name}",
        directory="directory",
        dn=person.dn,
        sam=person.name,
        upn=person.upn,
        domain=at.DOMAIN,
        dns_domain=at.DNS_DOMAIN,
        addresses=(person.mail, *person.aliases),
    )


def order(person: Person) -> Order:
    forms = login_forms(account(person), ["%Ln"])
    return Order(generation=1, commit_at=datetime.now(UTC), forms=forms)
