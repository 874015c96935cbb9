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
_BASIC: Final = "^(?i:basic) [A-Za-z0-9+/]{1,2048}={0,2}$"
_WHO: Final = "%[var(txn.evict_who)]"
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
    """Every line of the backend, in order; it ends up in the section as it stands.

    Each rule that a request passes costs HAProxy some 100 ns, so few of them ask much.
    """
    yield "# Who has a live request: by this table the agent finds what it ends."
    yield "stick-table type string len 330 size 200k expire 10s store conn_cur"
    if hook.unidentified == "pass":
        yield "# NTLM and Kerberos sign in a connection: it is lent to nobody else."
        yield "http-reuse never"
    yield from _unreadable(product)
    yield from _door(product, cookie, at)
    yield from _same()
    yield from _who(cookie, hook, at)
    yield from _sign_in(product, at)
    yield from _closed(at)
    yield from _gate(at)
    yield from _strangers(product)
    yield from _live(product)
    yield from _answers(product, cookie, at)


def _deny(status: int, *conditions: str) -> str:
    return f"http-request deny deny_status {status} if {' '.join(conditions)}"


def _unreadable(product: Product) -> Iterator[str]:
    yield "# What two readers could read in two ways is not read."
    yield _deny(
        400,
        "{ req.fhdr_cnt(authorization) gt 1 } or { req.fhdr_cnt(cookie) gt 1 } or METH_CONNECT",
    )
    yield "http-request del-header upgrade"
    if product.trusted_header:
        yield f"http-request del-header {product.trusted_header}"


def _same() -> Iterator[str]:
    yield "# What this connection has shown before is not read again."
    yield "acl evict_cookies req.fhdr(cookie) -m found"
    yield (
        "http-request set-var(txn.evict_same) bool(true)"
        " if { req.fhdr(authorization),strcmp(sess.evict_shown) eq 0 } !evict_cookies"
        " or { req.fhdr(cookie),strcmp(sess.evict_shown) eq 0 } !evict_authorized !evict_login"
    )
    yield "acl evict_same var(txn.evict_same) -m bool"
    yield "http-request set-var(txn.evict_who) var(sess.evict_who) if evict_same"


def _who(cookie: str, hook: HaproxyHook, at: Places) -> Iterator[str]:
    yield "# Whose request: Basic says it, else the session cookie, known by its SHA-256."
    yield "acl evict_basic req.fhdr(authorization) -m beg -i basic"
    yield f"acl evict_strict req.fhdr(authorization) -m reg '{_BASIC}'"
    yield f"acl evict_session req.cook({cookie}) -m found"
    yield "acl evict_known var(txn.evict_who) -m found"
    yield f"acl evict_name var(txn.evict_who) -m reg '{NAME}'"
    yield _deny(
        400,
        f"!evict_same evict_cookies !{{ req.fhdr(cookie) -m reg '{one_cookie(cookie)}' }}",
    )
    yield "http-request set-var(txn.evict_who) http_auth_user,lower if !evict_same evict_strict"
    nameless = "evict_authorized" if hook.unidentified == "refuse" else "evict_basic"
    yield _deny(401, f"!evict_same {nameless} !evict_name")
    yield "http-request del-header cookie if !evict_same evict_basic evict_session"
    mine = f"req.cook({cookie}),sha2(256),hex"
    unread = "if !evict_same !evict_authorized !evict_login"
    yield f"http-request set-var(txn.evict_who) {mine},map_str({at.news}) {unread}"
    yield f"http-request set-var(txn.evict_who) {mine},map_str({at.cookies}) {unread} !evict_known"
    new = "if !evict_same evict_known"
    yield f"http-request set-var(sess.evict_shown) req.fhdr(authorization) {new} evict_basic"
    yield f"http-request set-var(sess.evict_shown) req.fhdr(cookie) {new} !evict_basic"
    yield f"http-request set-var(sess.evict_who) var(txn.evict_who) {new}"
    yield f'http-request set-var-fmt(sess.evict_live) "%[src]:%[src_port] - {_WHO}" {new}'


def _door(product: Product, cookie: str, at: Places) -> Iterator[str]:
    """A sign-in is told from the rest: here by its path, there by the cookie of its page."""
    yield "acl evict_authorized req.fhdr(authorization) -m found"
    if product.strangers:
        mine = f"req.cook({cookie}),sha2(256),hex"
        yield f"acl evict_door {mine},in_table({at.strangers}) -m bool"
    else:
        yield f"acl evict_door {product.login}"
    yield (
        "http-request set-var(txn.evict_login) bool(true) if METH_POST !evict_authorized evict_door"
    )
    yield "acl evict_login var(txn.evict_login) -m bool"


def _sign_in(product: Product, at: Places) -> Iterator[str]:
    yield "# A sign-in says in its body whose it is."
    yield "http-request wait-for-body time 10s if evict_login"
    yield (
        f"http-request set-var(txn.evict_who) {product.user},lower if evict_login"
        " !{ req.fhdr_cnt(content-type) gt 1 }"
        f" {{ req.fhdr(content-type) -m beg -i {product.kind} }}"
        " !{ req.fhdr(content-encoding) -m found } { req.fhdr(content-length) -m found }"
        f" !{{ req.body_size gt {MAX_LOGIN} }} {{ req.body -m reg '{product.body}' }}"
    )
    yield _deny(400, "evict_login !evict_name")
    if product.domain:
        yield f"http-request set-var(txn.evict_domain) {product.domain},lower if evict_login"
        there = f"var(txn.evict_who),concat(@,txn.evict_domain,),map_str({at.closed}) -m found"
        yield _deny(403, f"evict_login {{ {there} }}")
    if product.renews:
        yield (
            "http-request set-var(txn.evict_renew) bool(true)"
            f" if evict_known !evict_authorized {product.renews}"
        )


def _closed(at: Places) -> Iterator[str]:
    yield "# Who is closed is refused, under every name that the sign-in may stand for."
    yield (
        r"http-request set-var(txn.evict_plain) 'var(txn.evict_who),regsub(^\.?[\\\\/],),"
        r"regsub(/,\\\\,g),regsub(\.+$,),regsub( ,%20,g)'"
        f" if {{ var(txn.evict_who) -m reg '{_ODD}' }}"
    )
    yield (
        r"http-request set-var(txn.evict_bare) 'var(txn.evict_plain),regsub(\+[^@]*,),"
        r"regsub(\.+$,)'"
    )
    for name in ("who", "plain", "bare"):
        yield f"acl evict_closed var(txn.evict_{name}),map_str({at.closed}) -m found"
    yield "http-request set-var(txn.evict_shut) bool(true) if evict_closed"
    yield "acl evict_shut var(txn.evict_shut) -m bool"
    yield "# Of a session that was closed, a person's next page is the sign-in."
    yield (
        "http-request set-var(txn.evict_page) bool(true)"
        " if evict_shut METH_GET !evict_authorized { req.fhdr(accept) -m sub text/html }"
    )
    yield "acl evict_page var(txn.evict_page) -m bool"
    yield _deny(403, "evict_shut !evict_page")
    yield "http-request unset-var(txn.evict_who) if evict_page"
    yield "http-request del-header cookie if evict_page"


def _gate(at: Places) -> Iterator[str]:
    yield "# Nobody comes in while the agent has not said that the maps are right."
    yield f"http-request set-var(txn.evict_until) str({UNTIL}),map_str_int({at.gate},0)"
    yield (
        "http-request return status 503 hdr retry-after 1"
        " unless { date,sub(txn.evict_until) -m int lt 0 }"
    )


def _strangers(product: Product) -> Iterator[str]:
    yield "# A session that HAProxy did not see begin is nobody's: back to the sign-in."
    unknown = "!evict_known evict_session"
    if product.strangers:
        unknown += " !evict_door"
    yield _deny(
        401,
        "!evict_known !METH_GET !evict_door !evict_authorized"
        if product.strangers
        else f"{unknown} !METH_GET !evict_login",
    )
    yield f"http-request del-header cookie if {unknown}"
    if product.strangers:
        yield (
            "http-request set-var(txn.evict_new) bool(true)"
            " if !evict_known METH_GET !evict_session !evict_authorized"
        )
    else:
        yield "http-request del-header cookie if evict_login"


def _live(product: Product) -> Iterator[str]:
    """HTTP/1 has one request at a time on a connection, HTTP/2 many: there each has its number.

    A `!` behind it says that the request waits, and is not about to be answered.
    """
    yield "# Whose request is in flight, on which connection; the number is that of `show sess`."
    yield (
        f'http-request set-var-fmt(txn.evict_live) "%[src]:%[src_port] %rt {_WHO}"'
        " if evict_known { req.ver 2.0 } or evict_login"
    )
    if product.waits:
        yield (
            f'http-request set-var-fmt(txn.evict_live) "%[src]:%[src_port] %rt! {_WHO}"'
            f" if {product.waits} evict_known"
        )
    yield "http-request track-sc2 var(txn.evict_live)"
    yield "http-request track-sc2 var(sess.evict_live) if evict_known"


def _answers(product: Product, cookie: str, at: Places) -> Iterator[str]:
    issued = f"{{ res.cook({cookie}) -m len gt 0 }}"
    key = f"%[res.cook({cookie}),sha2(256),hex]"
    yield "# What was asked before the closing is not answered after it."
    yield "http-response deny deny_status 403 if evict_known evict_closed"
    yield "# The cookie of a sign-in is whose the sign-in was."
    bound = [f"evict_login {product.signed_in} {issued}"]
    if product.renews:
        bound.append(f"{{ var(txn.evict_renew) -m bool }} {issued}")
    for condition in bound:
        yield f"http-response set-map({at.news}) {key} {_WHO} if {condition}"
    if product.strangers:
        yield (
            f"http-response track-sc2 res.cook({cookie}),sha2(256),hex table {at.strangers}"
            f" if {{ var(txn.evict_new) -m bool }} {issued}"
        )
