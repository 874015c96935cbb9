# SPDX-License-Identifier: Apache-2.0
"""`/EWS/Exchange.asmx` of one client access server."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from evict.lab.http.messages import Request, Response
from evict.lab.model.organisation import Organisation
from evict.lab.model.profile import Version
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, Pool, Principal, Protocol
from evict.lab.web.ews import soap
from evict.lab.web.ews.call import Call
from evict.lab.web.ews.names import mailboxes
from evict.lab.web.ews.operations import OPERATIONS, refusal
from evict.lab.web.signing import Signing, negotiator

PATH: Final = "/ews/exchange.asmx"
_KIND: Final = ("Content-Type", "text/xml; charset=utf-8")
_MOST: Final = 8 * 1024 * 1024
_SCHEMAS: Final = {
    Version.V2007: "Exchange2007_SP1",
    Version.V2010: "Exchange2010_SP2",
    Version.V2013: "Exchange2013_SP1",
    Version.V2016: "Exchange2016",
}
_NEWEST: Final = "Exchange2016"
_REFUSALS: Final = {
    Denial.NO_PERMISSION: (
        "ErrorAccessDenied",
        "Access is denied. Check credentials and try again.",
    ),
    Denial.QUARANTINED: ("ErrorMailboxStoreUnavailable", "The mailbox is quarantined."),
    Denial.IN_TRANSIT: (
        "ErrorMailboxMoveInProgress",
        "The mailbox move is in progress. Try later.",
    ),
    Denial.WRONG_SERVER: ("ErrorMailboxMoveInProgress", "The mailbox was moved. Try later."),
    Denial.NO_MAILBOX: ("ErrorNonExistentMailbox", "The account has no mailbox."),
    Denial.THROTTLED: ("ErrorServerBusy", "The server is busy. Try later."),
}
"""Code names: the EWS reference's ResponseCode; which denial gives which is assumed."""
_OTHERWISE: Final = ("ErrorInternalServerError", "An internal server error occurred. Try later.")


class EwsSite:
    """Signs in by Basic through the token cache of its pool, or by Negotiate."""

    def __init__(self, organisation: Organisation, server: str) -> None:
        self._organisation = organisation
        self._server = server
        self._signing = Signing(
            organisation, server, Pool.SERVICES, negotiator(organisation, server)
        )

    async def __call__(self, request: Request) -> Response:
        return self._signing.serve(request, Protocol.EWS, self._answer)

    def _answer(self, request: Request, who: Principal) -> Response:
        there = self._organisation.profile.has("ews") and request.path.lower() == PATH
        if not there:
            return Response(404)
        if request.method in ("GET", "HEAD"):
            return Response(200, [("Content-Type", "text/plain")], b"Exchange Web Services\n")
        if request.method != "POST":
            return Response(405, [("Allow", "GET, POST")])
        if len(request.body) > _MOST:
            return Response(413)
        try:
            asked = soap.parse(request.body)
        except soap.NotSoap:
            return self._fault("ErrorSchemaValidation", "The request failed schema validation.")
        return self._asked(asked, who)

    def _asked(self, asked: soap.Asked, who: Principal) -> Response:
        name = soap.local(asked.operation)
        if name not in OPERATIONS:
            return self._fault("ErrorInvalidOperation", "The operation is not served here.")
        if asked.acts_for is not None:
            words = "The account does not have permission to impersonate the requested user."
            return self._fault("ErrorImpersonateUserDenied", words)
        access = self._enter(asked.operation, who)
        if isinstance(access, Access):
            call = Call(self._organisation, access, asked.operation)
            return self._said(200, OPERATIONS[name](call))
        if access.denial is Denial.SERVER_DOWN:
            return Response(503)
        if access.denial is Denial.FEATURE_OFF:  # assumed, as is all of _REFUSALS
            return Response(403)
        refused = _REFUSALS.get(access.denial, _OTHERWISE)
        return self._said(200, refusal(asked.operation, name, *refused))

    def _enter(self, operation: ET.Element, who: Principal) -> Access | Denied:
        """The first mailbox that the operation names, else the caller's own."""
        named = next(mailboxes(operation), None)
        box = None if named is None else self._organisation.find_mailbox(named)
        if named is not None and box is None:
            # One's own first: whom a feature keeps out learns nothing of others.
            own = self._organisation.enter(self._server, Protocol.EWS, who)
            return own if isinstance(own, Denied) else Denied(Denial.NO_MAILBOX)
        sam = None if box is None else box.sam
        return self._organisation.enter(self._server, Protocol.EWS, who, mailbox=sam)

    def _fault(self, code: str, words: str) -> Response:
        return self._said(500, soap.fault(code, words))

    def _said(self, status: int, body: ET.Element) -> Response:
        profile = self._organisation.profile
        version = _SCHEMAS.get(profile.version, _NEWEST)
        return Response(status, [_KIND], soap.envelope(body, profile.build, version))
