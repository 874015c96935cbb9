# SPDX-License-Identifier: Apache-2.0
"""One connection's talk: a request in, its answers out. No I/O.

Spec: RFC 4511 section 4; RFC 4532 (who am I).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from anyldap.protocols import pureber, pureldap

from evict.lab.ldap import codec, dirsync, results, root
from evict.lab.ldap.binding import bind
from evict.lab.ldap.codec import Control, Malformed, Message
from evict.lab.ldap.matching import equal
from evict.lab.ldap.modifying import Modifier, changes_of
from evict.lab.ldap.results import Refused
from evict.lab.ldap.searching import Page, Searches, shown
from evict.lab.ldap.tree import Tree
from evict.lab.model.directory import DirectoryAccount

_NO_ANSWER: Final = (pureldap.LDAPUnbindRequest, pureldap.LDAPAbandonRequest)
_ANSWERS: Final[dict[type[pureber.BERBase], type[pureldap.LDAPResult]]] = {
    pureldap.LDAPBindRequest: pureldap.LDAPBindResponse,
    pureldap.LDAPSearchRequest: pureldap.LDAPSearchResultDone,
    pureldap.LDAPModifyRequest: pureldap.LDAPModifyResponse,
    pureldap.LDAPCompareRequest: pureldap.LDAPCompareResponse,
    pureldap.LDAPAddRequest: pureldap.LDAPAddResponse,
    pureldap.LDAPDelRequest: pureldap.LDAPDelResponse,
    pureldap.LDAPModifyDNRequest: pureldap.LDAPModifyDNResponse,
    pureldap.LDAPExtendedRequest: pureldap.LDAPExtendedResponse,
}
_WHO_AM_I: Final = b"1.3.6.1.4.1.4203.1.11.3"
_DISCONNECTION: Final = b"1.3.6.1.4.1.1466.20036"
Result = pureldap.LDAPResult


class Conversation:
    """Who is bound here stays so, whatever becomes of the account.

    A connection is not looked at again (measured of Samba 4.17, assumed of Windows).

    Args:
        secure: TLS is on: without it no password is set.
    """

    def __init__(self, tree: Tree, host: str, *, secure: bool) -> None:
        self._tree = tree
        self._host = host
        self._secure = secure
        self._searches = Searches(tree)
        self.bound: DirectoryAccount | None = None
        self.ended = False

    def answer(self, message: Message) -> Iterator[bytes]:
        """The answers, one after the other, as octets to send.

        Raises:
            Malformed: the connection is to end (RFC 4511 section 4.1.1).
        """
        request = message.value
        if isinstance(request, _NO_ANSWER):
            self.ended = isinstance(request, pureldap.LDAPUnbindRequest)
            return
        kind = _ANSWERS.get(type(request))
        if kind is None:
            raise Malformed("no request")
        controls = codec.controls_of(message)
        try:
            self._refuse_critical(controls)
            for part, extra in self._act(request, controls):
                yield codec.encode(message.id, part, extra)
        except Refused as refused:
            done = kind(resultCode=refused.code, errorMessage=refused.text)
            yield codec.encode(message.id, done)

    def _act(
        self, request: pureber.BERBase, controls: list[Control]
    ) -> Iterator[tuple[pureber.BERBase, list[Control]]]:
        if isinstance(request, pureldap.LDAPSearchRequest):
            yield from self._search(request, controls)
            return
        if isinstance(request, pureldap.LDAPBindRequest):
            yield self._bind(request), []
        elif isinstance(request, pureldap.LDAPModifyRequest):
            yield self._modify(request), []
        elif isinstance(request, pureldap.LDAPCompareRequest):
            yield self._compare(request), []
        elif isinstance(request, pureldap.LDAPExtendedRequest):
            yield self._extended(request), []
        else:
            raise Refused(results.UNWILLING, results.NOT_HERE)

    def _bind(self, request: pureldap.LDAPBindRequest) -> Result:
        """A bind that fails leaves the connection anonymous (RFC 4511 section 4.2.1)."""
        self.bound = None
        if request.sasl:
            raise Refused(results.AUTH_METHOD_NOT_SUPPORTED, results.UNSUPPORTED)
        if request.version != 3:
            raise Refused(results.PROTOCOL_ERROR, "LDAP version 3 only")
        self.bound = bind(self._tree, codec.text(request.dn), codec.text(request.auth))
        return pureldap.LDAPBindResponse(resultCode=results.SUCCESS)

    def _who(self) -> DirectoryAccount:
        if self.bound is None:
            raise Refused(results.OPERATIONS_ERROR, results.NOT_BOUND)
        return self.bound

    def _search(
        self, request: pureldap.LDAPSearchRequest, controls: list[Control]
    ) -> Iterator[tuple[pureber.BERBase, list[Control]]]:
        if not codec.text(request.baseObject) and request.scope == 0:
            # The root is shown to everybody (RFC 4512 section 5.1).
            top = root.entry(self._tree, self._host, self.bound)
            wanted = [codec.text(name) for name in request.attributes]
            yield shown(top, wanted, types_only=bool(request.typesOnly)), []
            yield pureldap.LDAPSearchResultDone(resultCode=results.SUCCESS), []
            return
        self._who()
        page, extra = self._page(request, controls)
        for found in page.found:
            yield found, []
        code = results.SIZE_LIMIT_EXCEEDED if page.cut else results.SUCCESS
        yield pureldap.LDAPSearchResultDone(resultCode=code), extra

    def _page(
        self, request: pureldap.LDAPSearchRequest, controls: list[Control]
    ) -> tuple[Page, list[Control]]:
        asked = next((value for oid, _, value in controls if oid == root.DIRSYNC), None)
        if asked is not None:
            page, more = self._searches.changed(request, dirsync.request(asked))
            return page, [(root.DIRSYNC, 0, dirsync.answer(more=more, cookie=page.cookie))]
        wanted = next((value for oid, _, value in controls if oid == root.PAGED), None)
        if wanted is None:
            return self._searches.run(request), []
        page = self._searches.page(request, *codec.page_request(wanted))
        return page, [(root.PAGED, 0, codec.page_answer(page.cookie))]

    def _modify(self, request: pureldap.LDAPModifyRequest) -> Result:
        modifier = Modifier(self._tree, self._who(), secure=self._secure)
        modifier.modify(codec.text(request.object), list(changes_of(request.modification)))
        return pureldap.LDAPModifyResponse(resultCode=results.SUCCESS)

    def _compare(self, request: pureldap.LDAPCompareRequest) -> Result:
        self._who()
        entry = self._tree.locate(codec.text(request.entry))
        if entry is None:
            raise Refused(results.NO_SUCH_OBJECT, results.NO_OBJECT)
        asked = request.ava
        if asked.assertionValue is None:
            raise Malformed("no comparison")
        name = codec.text(asked.attributeDesc.value).lower()
        if not entry.values(name):
            raise Refused(results.NO_SUCH_ATTRIBUTE, results.NO_VALUE)
        same = equal(self._tree, entry, name, codec.octets(asked.assertionValue.value))
        code = results.COMPARE_TRUE if same else results.COMPARE_FALSE
        return pureldap.LDAPCompareResponse(resultCode=code)

    def _extended(self, request: pureldap.LDAPExtendedRequest) -> Result:
        if codec.octets(request.requestName) != _WHO_AM_I:
            raise Refused(results.PROTOCOL_ERROR, results.UNSUPPORTED)
        who = "" if self.bound is None else f"u:{self._tree.netbios}\\{self.bound.sam}"
        return pureldap.LDAPExtendedResponse(resultCode=results.SUCCESS, response=who.encode())

    @staticmethod
    def _refuse_critical(controls: list[Control]) -> None:
        for oid, critical, _ in controls:
            if critical and oid not in root.CONTROLS:
                raise Refused(results.UNAVAILABLE_CRITICAL_EXTENSION, results.UNSUPPORTED)


def disconnection() -> bytes:
    """Said before the server ends a connection (RFC 4511 section 4.4.1)."""
    notice = pureldap.LDAPExtendedResponse(
        resultCode=results.PROTOCOL_ERROR, responseName=_DISCONNECTION
    )
    return codec.encode(0, notice)
