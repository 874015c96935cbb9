# SPDX-License-Identifier: Apache-2.0
"""What one look at SOGo found of one leaver. Values only; no password is ever among them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from evict.core.errors import SystemFault

NOTHING: Final = "None"
"""A role that gives nothing, and keeps its holder from what a group or everybody is given
(SOGoPermissions.m; SOGoGCSFolder.m, `aclsForUser:forObjectAtPath:`)."""


class Forward(Struct, frozen=True, kw_only=True):
    """Forwarding as set in SOGo's preferences.

    Attributes:
        text: the JSON as it stands in the database, to the byte.
    """

    text: str
    enabled: bool
    addresses: tuple[str, ...]


class External(Struct, frozen=True, kw_only=True):
    """A mail account elsewhere whose password SOGo keeps."""

    name: str
    server: str
    user: str

    @property
    def sentence(self) -> str:
        return f"{self.user or 'somebody'} at {self.server or 'a server'}"


class Profile(Struct, frozen=True, kw_only=True):
    """The leaver's row of preferences and settings.

    Attributes:
        uid: as the row spells it.
        delegates: who may write in the leaver's name.
        delegates_text: the same as JSON, to the byte; "" where there is none.
    """

    uid: str
    forward: Forward | None = None
    vacation: bool = False
    externals: tuple[External, ...] = ()
    delegates: tuple[str, ...] = ()
    delegates_text: str = ""


class Identity(Struct, frozen=True, kw_only=True):
    """Somebody's mail identity that the leaver may write with.

    Attributes:
        owner: whose.
        text: the owner's list of delegates as JSON, to the byte.
        holder: the leaver, as the list spells it.
    """

    owner: str
    text: str
    holder: str


class Share(Struct, frozen=True, kw_only=True):
    """What one holder may do in one folder.

    Attributes:
        table: where the rows are.
        object: `/owner/Calendar/personal`.
        folder: c_folder_id where all folders share one table.
        holder: a uid, `@group`, `<default>` (whoever signs in) or `anonymous` (without a sign-in).
        roles: each row's; one may stand twice.
    """

    table: str
    object: str
    folder: int | None
    holder: str
    roles: tuple[str, ...]

    @property
    def owner(self) -> str:
        return self.object.strip("/").partition("/")[0]

    @property
    def empty(self) -> bool:
        """SOGo writes a row of this role where somebody is to have nothing, whatever all have."""
        return set(self.roles) <= {NOTHING}

    @property
    def published(self) -> bool:
        return self.holder == "anonymous"

    @property
    def sentence(self) -> str:
        return f"{self.holder} in {self.object}: {', '.join(self.roles)}"


class Shares(Struct, frozen=True, kw_only=True):
    """Rights in calendars and address books.

    Attributes:
        elsewhere: the leaver's, in others' folders.
        own: others', in the leaver's folders.
        searched: how many tables were looked through.
    """

    elsewhere: tuple[Share, ...] = ()
    own: tuple[Share, ...] = ()
    searched: int = 0


class Device(Struct, frozen=True, kw_only=True):
    """A phone that has synchronised, as the database knows it."""

    id: str
    table: str
    uid: str
    combined: bool


class Inventory(Struct, frozen=True, kw_only=True):
    """Everything of one look. A part that could not be looked at is None and in `faults`.

    Attributes:
        cached: keys in memcached that hold the leaver's password.
        owed: keys whose values SOGo holds of before a write here.
        listed: whether memcached listed its keys, so that no spelling is missed.
        searched_at: when the search for `shares` began, if that was an earlier look.
        sessions: rows of everybody's web sessions.
        identities: others' mail identities.
        faults: part -> why.
    """

    cached: tuple[bytes, ...] | None = None
    owed: tuple[bytes, ...] = ()
    listed: bool = True
    profile: Profile | None = None
    identities: tuple[Identity, ...] | None = None
    shares: Shares | None = None
    searched_at: datetime | None = None
    devices: tuple[Device, ...] | None = None
    sessions: int | None = None
    faults: dict[str, SystemFault] = {}
