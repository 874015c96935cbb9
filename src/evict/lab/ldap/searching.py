# SPDX-License-Identifier: Apache-2.0
"""Searches: the base, what lies below it, which attributes, and pages of it.

Spec: RFC 4511 section 4.5; RFC 2696 (pages).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from anyldap.protocols import pureber, pureldap
from msgspec import Struct

from evict.lab.ldap import codec, dirsync, results, syntax
from evict.lab.ldap.entries import CONSTRUCTED, AccountEntry, Entry
from evict.lab.ldap.matching import matches
from evict.lab.ldap.results import Refused
from evict.lab.ldap.tree import Tree

MAX_PAGE: Final = 1000
"""MaxPageSize (MS-ADTS 3.1.1.3.4.6): entries of one answer."""
_MAX_SEARCHES: Final = 10
"""MaxResultSetsPerConn (same place): paged searches that wait on one connection."""
_MAX_FILTER: Final = 1000
_BASE, _ONE, _SUBTREE = 0, 1, 2

Found = pureldap.LDAPSearchResultEntry


class Page(Struct, frozen=True, kw_only=True):
    """One answer of a paged search; `cookie` is empty after the last one."""

    found: list[Found]
    cookie: bytes
    cut: bool = False


class Searches:
    """Of one connection: it keeps what is left of paged searches."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._left: dict[bytes, Iterator[Found]] = {}
        self._number = itertools.count(1)

    def run(self, request: pureldap.LDAPSearchRequest) -> Page:
        """A search without pages, cut at the client's or the server's limit."""
        limit = min(request.sizeLimit or MAX_PAGE, MAX_PAGE)
        found = list(itertools.islice(self._find(request), limit + 1))
        return Page(found=found[:limit], cookie=b"", cut=len(found) > limit)

    def page(self, request: pureldap.LDAPSearchRequest, size: int, cookie: bytes) -> Page:
        """Raises `Refused` for a cookie that this connection did not get."""
        if cookie:
            waiting = self._left.pop(cookie, None)
            if waiting is None:
                raise Refused(results.UNWILLING, results.BAD_COOKIE)
        else:
            waiting = iter(list(self._find(request)))
        if size <= 0:
            # RFC 2696 section 3: the client gives the search up.
            return Page(found=[], cookie=b"")
        found = list(itertools.islice(waiting, min(size, MAX_PAGE)))
        following = next(waiting, None)
        if following is None:
            return Page(found=found, cookie=b"")
        name = str(next(self._number)).encode()
        self._left[name] = itertools.chain((following,), waiting)
        while len(self._left) > _MAX_SEARCHES:
            del self._left[next(iter(self._left))]
        return Page(found=found, cookie=name)

    def changed(self, request: pureldap.LDAPSearchRequest, cookie: bytes) -> tuple[Page, bool]:
        """What changed since a DirSync cookie, the oldest change first; whether there is more.

        Raises `Refused` for a base that is no naming context, and for what is no cookie.
        """
        if syntax.dn_key(codec.text(request.baseObject)) != syntax.dn_key(self._tree.base):
            raise Refused(results.UNWILLING, results.NOT_HERE)
        since, now = dirsync.usn_in(cookie, self._tree.invocation), self._tree.directory.usn
        newer = sorted(
            (a for a in self._tree.directory.accounts.values() if a.usn > since),
            key=lambda account: account.usn,
        )
        reached = newer[MAX_PAGE - 1].usn if len(newer) > MAX_PAGE else now
        wanted = [codec.text(name) for name in request.attributes]
        entries = [AccountEntry(account, self._tree) for account in newer[:MAX_PAGE]]
        found = [shown(e, wanted) for e in entries if matches(self._tree, e, request.filter)]
        following = dirsync.cookie_of(self._tree.invocation, reached)
        return Page(found=found, cookie=following), reached < now

    def _find(self, request: pureldap.LDAPSearchRequest) -> Iterator[Found]:
        base_dn = codec.text(request.baseObject)
        base = self._tree.locate(base_dn) if base_dn else None
        if base is None:
            raise Refused(results.NO_SUCH_OBJECT, results.NO_OBJECT)
        if size_of(request.filter) > _MAX_FILTER:
            raise Refused(results.UNWILLING, results.UNSUPPORTED)
        wanted = [codec.text(name) for name in request.attributes]
        ids = ids_of(request.filter)
        for entry in self._below(base, request.scope):
            if ids is not None:
                found = not ids.isdisjoint(entry.values("objectguid"))
            else:
                found = matches(self._tree, entry, request.filter)
            if found:
                yield shown(entry, wanted, types_only=bool(request.typesOnly))

    def _below(self, base: Entry, scope: int) -> Iterator[Entry]:
        if scope == _BASE:
            yield base
            return
        if scope not in (_ONE, _SUBTREE):
            raise Refused(results.PROTOCOL_ERROR, "no scope")
        key = syntax.dn_key(base.dn)
        for entry in self._tree.entries(base):
            own = syntax.dn_key(entry.dn)
            if scope == _ONE:
                if own.partition(",")[2] == key:
                    yield entry
            elif own == key or own.endswith(f",{key}"):
                yield entry


def shown(entry: Entry, wanted: Sequence[str], *, types_only: bool = False) -> Found:
    """What is asked for; nothing, or `*`, means all that is not constructed."""
    names = list(dict.fromkeys(_names(entry, wanted)))
    held = ((name, entry.values(name.lower())) for name in names)
    return Found(
        entry.dn.encode(),
        [(n.encode(), [] if types_only else list(values)) for n, values in held if values],
    )


def _names(entry: Entry, wanted: Sequence[str]) -> Iterator[str]:
    for name in wanted or ("*",):
        if name == "*":
            yield from (n for n in entry.names() if n.lower() not in CONSTRUCTED)
        elif name != "1.1":
            yield name


def ids_of(what: pureber.BERBase) -> frozenset[bytes] | None:
    """The ids that a filter lists, where it is nothing but a list of ids: many read at once."""
    if not isinstance(what, pureldap.LDAPFilter_or):
        return None
    ids: set[bytes] = set()
    for part in what:
        if not isinstance(part, pureldap.LDAPFilter_equalityMatch) or part.assertionValue is None:
            return None
        if codec.octets(part.attributeDesc.value).lower() != b"objectguid":
            return None
        ids.add(codec.octets(part.assertionValue.value))
    return frozenset(ids)


def size_of(what: pureber.BERBase) -> int:
    """How many parts a filter has."""
    if isinstance(what, pureldap.LDAPFilterSet):
        return 1 + sum(size_of(part) for part in what)
    if isinstance(what, pureldap.LDAPFilter_not) and isinstance(what.value, pureber.BERBase):
        return 1 + size_of(what.value)
    return 1
