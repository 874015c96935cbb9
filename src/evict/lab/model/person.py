# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import uuid
from typing import Final

from msgspec import Struct

from evict.lab.model.directory import DirectoryAccount
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.permissions import default_acl
from evict.lab.model.profile import Profile

_MAILBOXES: Final = uuid.UUID("7d1f4b52-0f37-4c59-9a3e-1c2d3e4f5a6b")


class Person(Struct, frozen=True, kw_only=True, eq=False):
    account: DirectoryAccount
    mailbox: Mailbox


def new_mailbox(
    account: DirectoryAccount, database: str, netbios: str, profile: Profile
) -> Mailbox:
    """An empty one; its id depends on the account's alone."""
    return Mailbox(
        sam=account.sam,
        guid=str(uuid.uuid5(_MAILBOXES, account.guid)),
        display_name=account.display_name,
        addresses=list(account.addresses),
        database=database,
        acl=default_acl(netbios, system_entries=profile.has("system-entries")),
    )
