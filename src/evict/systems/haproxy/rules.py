# SPDX-License-Identifier: Apache-2.0
"""The rules that HAProxy carries out, written for one backend.

Whatever way leads to the backend passes them, so no path has to be listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evict.config.haproxy import HaproxyHook
from evict.systems.haproxy.places import UNTIL, Places
from evict.systems.haproxy.products import Product

MAX_LOGIN: Final = 8192
"""Bytes of a sign-in's body; they must fit into HAProxy's buffer."""
NAME: Final = r"^(?![ #])[ !#$&-)+-;=@-{}~]{1,256}(?<! )$"
"""ASCII without the signs that no canonical name has. HAProxy's `lower` knows ASCII alone, so a
name with other letters is refused, not compared; so is one that begins as a comment does."""
_ODD: Final = r"[ +/]|\.$|^\.?\\"
"""A name that may stand for another one; the rest is looked up as it is."""


def one_cookie(name: str) -> str:
    """Matches a Cookie header in which every reader finds this cookie once at most.

    A comma counts as an end (RFC 2965), a percent sign in a name is refused, and of the name
    itself any case, and any sign in place of `_` (PHP makes `_` of `.` and of a space).
    """
    alike = rf"[^A-Za-z0-9;,=]*+(?i:{name.replace('_', '.')})(?![A-Za-z0-9_-])"
    other = rf"(?!{alike})(?![^=;,%]*+%)[^;,]*+"
    mine = rf' ?{name}=[^\s;,"\\]*+'
    return rf"^(?:{other}[;,])*+(?:{mine}(?:;{other}(?:[;,]{other})*+)?|{other})$"


def backend_rules(product: Product, cookie: str, hook: HaproxyHook, at: Places) -> Iterator[str]:
    """Every line of the backend, in order; it ends up in the section as it stands."""
    yield "# Who has a live request: by this table the agent finds what it ends."
    yield "stick-table type string len 330 size 200k expire 500ms store conn_cur"
    yield from _unreadable(product, cookie)
    yield from _who(product, cookie, hook, at)
    yield from _gate(product, at)
    yield from _strangers(product, cookie, at)
    yield from _sign_in(product)
    yield from _live()
    yield from _answers(product, cookie, at)


def _deny(status: int, *conditions: str) -> str:
    return f"http-request deny deny_status {status} if {' '.join(conditions)}"


def _unreadable(product: Product, cookie: str) -> Iterator[str]:
    yield "# What two readers could read in two ways is not read."
    yield _deny(
        400,
        "{ req.fhdr_cnt(authorization) gt 1 } or { req.fhdr_cnt(cookie) gt 1 } or METH_CONNECT",
    )
    yield "acl evict_cookies req.fhdr(cookie) -m found"
    yield _deny(400, "evict_cookies", f"!{{ req.fhdr(cookie) -m reg '{one_cookie(cookie)}' }}")
    yield "http-request del-header upgrade"
    if product.trusted_header:
        yield f"http-request del-header {product.trusted_header}"


def _who(product: Product, cookie: str, hook: HaproxyHook, at: Places) -> Iterator[str]:
    yield "# Whose request: Basic says it, else the session cookie, known by its SHA-256."
    yield "acl evict_authorized req.fhdr(authorization) -m found"
    yield "acl evict_basic req.fhdr(authorization) -m beg -i basic"
    yield "acl evict_session req.cook(" + cookie + ") -m found"
    yield "acl evict_known var(txn.evict_who) -m found"
    yield f"acl evict_door {product.login}"
    yield f"acl evict_name var(txn.evict_who) -m reg '{NAME}'"
    yield _deny(
        400,
        "evict_basic",
        "!{ req.fhdr(authorization) -m reg -i '^basic [a-z0-9+/]{1,2048}={0,2}$' }",
    )
    yield "http-request set-var(txn.evict_who) http_auth_user,lower if evict_basic"
    yield _deny(400, "evict_basic", "!evict_name")
    if hook.unidentified == "refuse":
        yield _deny(401, "evict_authorized", "!evict_basic")
    yield "http-request del-header cookie if evict_basic evict_session"
    yield (
        f"http-request set-var(txn.evict_who) req.cook({cookie}),sha2(256),hex,"
        f"map_str({at.cookies}) if !evict_authorized evict_session"
    )


def _spellings(condition: str = "") -> Iterator[str]:
    """Names that the sign-in may stand for, in variables of their own."""
    odd = f"{condition} {{ var(txn.evict_who) -m reg '{_ODD}' }}".strip()
    yield (
        r"http-request set-var(txn.evict_plain) 'var(txn.evict_who),regsub(^\.?[\\\\/],),"
        rf"regsub(/,\\\\,g),regsub(\.+$,),regsub( ,%20,g)' if {odd}"
    )
    yield (
        r"http-request set-var(txn.evict_bare) 'var(txn.evict_plain),regsub(\+[^@]*,),"
        rf"regsub(\.+$,)' if {odd}"
    )


def _gate(product: Product, at: Places) -> Iterator[str]:
    yield "# Who is closed is refused, under every name that the sign-in may stand for."
    yield from _spellings()
    found = f"map_str({at.closed}) -m found"
    yield f"acl evict_closed var(txn.evict_who),{found}"
    yield f"acl evict_closed var(txn.evict_plain),{found}"
    yield f"acl evict_closed var(txn.evict_bare),{found}"
    if product.domain:
        yield f"acl evict_closed var(txn.evict_who),concat(@,txn.evict_domain,),{found}"
    yield "# Of a session that was closed, a person's next page is the sign-in."
    yield (
        "http-request set-var(txn.evict_page) bool(true)"
        " if evict_closed !evict_authorized METH_GET { req.fhdr(accept) -m sub text/html }"
    )
    yield "acl evict_page var(txn.evict_page) -m bool"
    yield _deny(403, "evict_closed", "!evict_page")
    yield "http-request del-header cookie if evict_page"
    for name in ("who", "plain", "bare"):
        yield f"http-request unset-var(txn.evict_{name}) if evict_page"
    yield "# Nobody comes in while the agent has not said that the maps are right."
    yield f"http-request set-var(txn.evict_until) str({UNTIL}),map_str_int({at.gate},0)"
    yield (
        "http-request return status 503 hdr retry-after 1"
        " unless { date,sub(txn.evict_until) -m int lt 0 }"
    )


def _strangers(product: Product, cookie: str, at: Places) -> Iterator[str]:
    yield "# A session that HAProxy did not see begin is nobody's: back to the sign-in."
    unknown = "evict_session !evict_known"
    if product.strangers:
        unknown += f" !{{ req.cook({cookie}),sha2(256),hex,in_table({at.strangers}) }}"
    if product.strangers:
        yield _deny(401, unknown, "!METH_GET")
    else:
        yield _deny(401, unknown, "!METH_GET", "!evict_door")
    yield f"http-request del-header cookie if {unknown}"
    if product.strangers:
        yield (
            "http-request set-var(txn.evict_new) bool(true)"
            " if METH_GET !evict_known !evict_session !evict_authorized"
        )


def _sign_in(product: Product) -> Iterator[str]:
    yield "# A sign-in says in its body whose it is."
    who = "!evict_authorized !evict_known" if product.strangers else "!evict_authorized"
    yield f"http-request set-var(txn.evict_login) bool(true) if METH_POST evict_door {who}"
    yield "acl evict_login var(txn.evict_login) -m bool"
    yield _deny(400, "evict_login", "{ req.fhdr_cnt(content-type) gt 1 }")
    yield _deny(400, "evict_login", f"!{{ req.fhdr(content-type) -m beg -i {product.kind} }}")
    yield _deny(400, "evict_login", "{ req.fhdr(content-encoding) -m found }")
    yield _deny(400, "evict_login", "!{ req.fhdr(content-length) -m found }")
    yield _deny(413, "evict_login", f"{{ req.body_size gt {MAX_LOGIN} }}")
    yield "http-request wait-for-body time 10s if evict_login"
    yield _deny(400, "evict_login", f"!{{ req.body -m reg '{product.body}' }}")
    yield f"http-request set-var(txn.evict_who) {product.user},lower if evict_login"
    yield _deny(400, "evict_login", "!evict_name")
    if product.domain:
        yield f"http-request set-var(txn.evict_domain) {product.domain},lower if evict_login"
    yield from _spellings("evict_login")
    yield _deny(403, "evict_login", "evict_closed")
    if product.renews:
        yield (
            "http-request set-var(txn.evict_renew) bool(true)"
            f" if {product.renews} evict_known !evict_authorized"
        )
    if not product.strangers:
        yield "http-request del-header cookie if evict_login"


def _live() -> Iterator[str]:
    yield "# Whose request is in flight, and which: the stream's number is in `show sess`, too."
    yield 'http-request set-var-fmt(txn.evict_live) "%[src]:%[src_port] %rt %[var(txn.evict_who)]"'
    yield "http-request track-sc2 var(txn.evict_live) if evict_known"


def _answers(product: Product, cookie: str, at: Places) -> Iterator[str]:
    issued = f"{{ res.cook({cookie}) -m len gt 0 }}"
    key = f"%[res.cook({cookie}),sha2(256),hex]"
    yield "# What was asked before the closing is not answered after it."
    yield "http-response deny deny_status 403 if { var(txn.evict_who) -m found } evict_closed"
    yield "# The cookie of a sign-in is whose the sign-in was."
    bound = [f"{{ var(txn.evict_login) -m bool }} {product.signed_in} {issued}"]
    if product.renews:
        bound.append(f"{{ var(txn.evict_renew) -m bool }} {issued}")
    for condition in bound:
        for where in (at.cookies, at.news):
            yield f"http-response set-map({where}) {key} %[var(txn.evict_who)] if {condition}"
    yield f"http-response set-var(txn.evict_seen) str(-),map_str({at.news}) if FALSE"
    if product.strangers:
        yield (
            f"http-response track-sc2 res.cook({cookie}),sha2(256),hex table {at.strangers}"
            f" if {{ var(txn.evict_new) -m bool }} {issued}"
        )
