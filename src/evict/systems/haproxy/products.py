# SPDX-License-Identifier: Apache-2.0
"""How people sign in to each product, as far as HAProxy must know it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_TEXT: Final = r'(?:[^"\\[:cntrl:]]|\\["\\/bfnrt])*+'
_VALUE: Final = rf'(?:"{_TEXT}"|null|true|false|-?[0-9]++)'
_PAIR: Final = rf'"(?!userName")[A-Za-z]++"\s*+:\s*+{_VALUE}\s*+'
_JSON: Final = (
    r'^(?!.*"domain"\s*+:.*"domain"\s*+:)'
    rf'\s*+{{\s*+(?:{_PAIR},\s*+)*+"userName"\s*+:\s*+"{_TEXT}"\s*+(?:,\s*+{_PAIR})*+}}\s*+$'
)
"""A flat object that names the user once, without an escape that could spell a second one: SOGo
takes the last of two, HAProxy's json_query the first."""


def _form(field: str) -> str:
    """A form that names the user once, under a name that is spelled in one way.

    Quirk: PHP 8.2 reads a `.` in a field's name as `_`.
    """
    alike = field.replace("_", "[_.]")
    other = rf"(?!(?i:{alike})=)[A-Za-z0-9_.-]++=[^&]*+"
    return rf"^(?:{other}&)*+{field}=[^&]++(?:&{other})*+$"


class Product(Struct, frozen=True, kw_only=True):
    """One product's sign-in.

    Attributes:
        cookie: name of the cookie that stands for a signed-in session.
        login: which requests that post are a sign-in, as HAProxy tells them; "": those with a
            stranger's cookie.
        kind: media type of a sign-in.
        body: regular expression that the whole of it must match.
        user: expression that reads the name.
        domain: expression that reads a domain that the product joins to the name; "": none.
        signed_in: condition on the answer that says that the sign-in succeeded.
        strangers: whether a cookie is issued before the sign-in, which renews it.
        renews: conditions of a request whose answer may renew the cookie of a session, and which
            is no sign-in by another path: a form that comes with somebody else's cookie; "": none.
        trusted_header: a header of the client's that the product could believe; "": none.
        waits: conditions of a request that is held until there is something to say; "": none is
            known. Spec: MS-ASHTTP section 2.2.1.1.1.2 (`Cmd=Ping`; the form in base64 is not read).
    """

    cookie: str
    login: str = ""
    kind: str
    body: str
    user: str
    domain: str = ""
    signed_in: str
    strangers: bool = False
    renews: str = ""
    trusted_header: str = ""
    waits: str = ""


_FORM: Final = "application/x-www-form-urlencoded"
_PING: Final = "METH_POST { url_param(Cmd) -m str -i ping }"

PRODUCTS: Final = {
    "sogo": Product(
        cookie="0xHIGHFLYxSOGo",
        login="path /SOGo/connect",
        kind="application/json",
        body=_JSON,
        user="req.body,json_query('$.userName')",
        domain="req.body,json_query('$.domain')",
        signed_in="{ status 200 }",
        trusted_header="x-webobjects-remote-user",
        waits=_PING,
    ),
    "roundcube": Product(
        cookie="roundcube_sessid",
        kind=_FORM,
        body=_form("_user"),
        user="req.body_param(_user),url_dec(1)",
        signed_in="{ status 302 }",
        strangers=True,
    ),
    "exchange": Product(
        cookie="cadata",
        login=r"path,url_dec -m reg -i '^/owa/(auth\.owa|auth/owaauth\.dll)$'",
        kind=_FORM,
        body=_form("username"),
        user="req.body_param(username),url_dec(1)",
        signed_in="{ status 302 }",
        renews=r"{ path -m reg -i '^(?!.*auth)[a-z0-9/._@-]++$' }",
        waits=_PING,
    ),
}
