# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

_NAME = "^[A-Za-z][A-Za-z0-9-]*$"


class OpenLdap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an OpenLDAP directory keeps its accounts; read where `product` says so."""

    starttls: Annotated[
        bool, Meta(description="Begin TLS on the plain port (389) instead of LDAPS (636).")
    ] = False
    people_class: Annotated[str, Meta(description="Object class of accounts.", pattern=_NAME)] = (
        "inetOrgPerson"
    )
    uid: Annotated[str, Meta(description="Attribute of the login name.", pattern=_NAME)] = "uid"
    mail: Annotated[
        tuple[Annotated[str, Meta(pattern=_NAME)], ...],
        Meta(
            description="Attributes of mail addresses, the one that people log in with first;"
            " an account without any logs in as uid@login_domain."
        ),
    ] = ("mail",)
    display_name: Annotated[
        str, Meta(description="Attribute of the name for people; else cn.", pattern=_NAME)
    ] = "displayName"
    login_domain: Annotated[
        str | None,
        Meta(
            description="Domain behind the login name; else that of base_dn's dc components.",
            examples=["corp.example"],
        ),
    ] = None
    groups_by: Annotated[
        Literal["memberof", "search"],
        Meta(
            description="Where an account's groups stand: in its memberOf (overlay memberof or"
            " dynlist), or only in the groups."
        ),
    ] = "memberof"
    group_member: Annotated[
        str, Meta(description="Attribute of a group's members (DNs).", pattern=_NAME)
    ] = "member"
    disable_by: Annotated[
        Literal["ppolicy", "attribute", "password"],
        Meta(
            description="How an account is disabled: by the lock of the password policy"
            " (pwdAccountLockedTime), by an attribute that your servers' filters look at, or by a"
            " password that nothing matches."
        ),
    ] = "ppolicy"
    disabled_attribute: Annotated[
        Annotated[str, Meta(pattern=_NAME)] | None,
        Meta(
            description="The attribute that says so; also a sign for the watch.",
            examples=["employeeType"],
        ),
    ] = None
    disabled_value: Annotated[
        str, Meta(description="Its value where the account is disabled.", min_length=1)
    ] = "disabled"
    watch_by: Annotated[
        Literal["syncrepl", "accesslog"],
        Meta(description="Who tells what changed: overlay syncprov, or overlay accesslog."),
    ] = "syncrepl"
    accesslog_base: Annotated[
        str, Meta(description="Where the overlay accesslog writes.", min_length=3)
    ] = "cn=accesslog"
