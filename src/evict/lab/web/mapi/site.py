# SPDX-License-Identifier: Apache-2.0
"""`/mapi/emsmdb` of one client access server, as far as a door needs it. Spec: MS-OXCMAPIHTTP.

Each request signs in; a session context lives beside that, known by cookies, and ends by resting,
by a recycle, a move or quarantine. Execute is refused: nothing of a mailbox is served here.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from evict.core.errors import RemoteProtocolError
from evict.lab.http.messages import Request, Response
from evict.lab.model.mailbox import Mailbox
from evict.lab.model.organisation import Organisation
from evict.lab.model.sessions import Session
from evict.lab.model.words import Denial, Denied, Pool, Principal, Protocol
from evict.lab.web.mapi import messages
from evict.lab.web.signing import Signing, negotiator
from evict.wire.mapihttp import parse_connect

PATH: Final = "/mapi/emsmdb"
CONTEXT: Final = "MapiContext"
SEQUENCE: Final = "MapiSequence"
_LOGIN_FAILURE: Final = 0x80040111
_ACCESS_DENIED: Final = 0x80070005
_UNKNOWN_USER: Final = 0x000003EB
_ERRORS: Final = {
    Denial.NO_MAILBOX: 0x0000096C,
    Denial.FEATURE_OFF: 0x0000096C,
    Denial.QUARANTINED: _LOGIN_FAILURE,
    Denial.NO_PERMISSION: _ACCESS_DENIED,
    Denial.IN_TRANSIT: 0x0000050C,
    Denial.WRONG_SERVER: 0x00000478,
}
"""ErrorCode of Connect, MS-OXCSTOR 2.2.1.1.3; which denial gives which is assumed."""


@dataclass(eq=False)
class _Context:
    """Attributes: `sequence` is what the next request has to bring."""

    session: Session
    owner: str
    sequence: str


class MapiSite:
    """Contexts are one server's own: the balancer keeps a client where its context is."""

    def __init__(self, organisation: Organisation, server: str) -> None:
        self._organisation = organisation
        self._server = server
        self._signing = Signing(organisation, server, Pool.MAPI, negotiator(organisation, server))
        self._contexts: dict[str, _Context] = {}
        major, minor, build, revision = organisation.profile.build
        self._application = f"Exchange/{major}.{minor:02}.{build:04}.{revision:03}"

    async def __call__(self, request: Request) -> Response:
        return self._signing.serve(request, Protocol.MAPI, self._answer)

    def _answer(self, request: Request, who: Principal) -> Response:
        there = self._organisation.profile.has("mapi-http")
        if not there or request.path.rstrip("/").lower() != PATH:
            return Response(404)
        if request.method in ("GET", "HEAD"):
            text = f"MAPI over HTTP {self._application}\n".encode()
            return Response(200, [("Content-Type", "text/plain")], text)
        if request.method != "POST":
            return Response(405, [("Allow", "GET, POST")])
        return self._post(request, who)

    def _post(self, request: Request, who: Principal) -> Response:
        kind = request.headers.get("X-RequestType").lower()
        if not kind or not request.headers.get("X-RequestId"):
            return self._said(request, messages.MISSING_HEADER)
        if kind == "connect":
            return self._connect(request, who)
        if kind in ("ping", "disconnect", "execute", "notificationwait"):
            return self._in_context(request, who, kind)
        return self._said(request, messages.INVALID_TYPE)

    def _connect(self, request: Request, who: Principal) -> Response:
        try:
            dn = parse_connect(request.body)
        except RemoteProtocolError:
            return self._said(request, messages.INVALID_BODY)
        mailbox = self._mailbox(request, who, dn)
        if isinstance(mailbox, int):
            return self._said(request, 0, messages.connected(mailbox))
        if self._switched_off(mailbox):
            return self._said(request, messages.DISABLED)
        access = self._organisation.enter(self._server, Protocol.MAPI, who, mailbox=mailbox.sam)
        if isinstance(access, Denied):
            error = _ERRORS.get(access.denial, _LOGIN_FAILURE)
            return self._said(request, 0, messages.connected(error))
        name = secrets.token_urlsafe(24)
        session = self._organisation.open_session(
            access, pool=Pool.MAPI, on_end=lambda _: self._forget(name)
        )
        context = _Context(session, who.sam, "")
        self._contexts[name] = context
        prefix = "/o=Lab/ou=Exchange Administrative Group/cn=Recipients/cn="
        body = messages.connected(0, prefix, access.mailbox.display_name)
        return self._said(request, 0, body, self._cookies(name, context))

    def _forget(self, name: str) -> None:
        self._contexts.pop(name, None)

    def _mailbox(self, request: Request, who: Principal, dn: str) -> Mailbox | int:
        """What MailboxId names, else the caller's own; or the ErrorCode that says why not.

        A distinguished name is that of whoever asks: somebody else's is refused (assumed).
        """
        person = self._organisation.find_mailbox(dn.rpartition("/cn=")[2])
        if person is None:
            own = self._organisation.mailboxes.get(who.sam)
            return _UNKNOWN_USER if own is not None else _ERRORS[Denial.NO_MAILBOX]
        if person.sam != who.sam:
            return _ACCESS_DENIED
        wanted = request.query.get("MailboxId", "").partition("@")[0]
        if not wanted:
            return person
        return self._organisation.find_mailbox(wanted.lower()) or _UNKNOWN_USER

    def _switched_off(self, box: Mailbox) -> bool:
        """MapiHttpEnabled of the mailbox, as this server read it last (Set-CASMailbox)."""
        now, late = self._organisation.now(), self._organisation.delays.features_read_s.value
        front = self._organisation.servers[self._server]
        return front.settings_of(Pool.MAPI, box, now, late).features["mapi_http"] is False

    def _in_context(self, request: Request, who: Principal, kind: str) -> Response:
        found = self._context(request, who, kind)
        if isinstance(found, int):
            return self._said(request, found)
        name, context = found
        if self._organisation.use(context.session) is not None:
            self._forget(name)
            return self._said(request, messages.NOT_FOUND)
        if kind == "disconnect":
            self._forget(name)
            self._organisation.sessions.close(context.session)
            return self._said(request, 0, messages.disconnected())
        body = {
            "ping": b"",
            "execute": messages.executed(messages.NOT_SUPPORTED),
            "notificationwait": messages.notified(messages.NOT_SUPPORTED),
        }[kind]
        return self._said(request, 0, body, self._cookies(name, context))

    def _context(self, request: Request, who: Principal, kind: str) -> tuple[str, _Context] | int:
        """The caller's own context, or the X-ResponseCode that says what is wrong.

        A PING may come without the sequence cookie (MS-OXCMAPIHTTP 3.1.5.3).
        """
        cookies = request.cookies()
        name, sequence = cookies.get(CONTEXT, ""), cookies.get(SEQUENCE, "")
        if not name:
            return messages.MISSING_COOKIE
        context = self._contexts.get(name)
        if context is None or context.owner != who.sam:
            return messages.NOT_FOUND
        if not sequence:
            return (name, context) if kind == "ping" else messages.MISSING_COOKIE
        return (name, context) if sequence == context.sequence else messages.INVALID_SEQUENCE

    def _cookies(self, name: str, context: _Context) -> list[tuple[str, str]]:
        """The sequence is a new one with each answer (MS-OXCMAPIHTTP 3.2.5.1)."""
        context.sequence = secrets.token_urlsafe(12)
        path = f"path={PATH}; Secure; HttpOnly"
        idle_ms = int(self._organisation.delays.mapi_idle_s.value * 1000)
        return [
            ("Set-Cookie", f"{CONTEXT}={name}; {path}"),
            ("Set-Cookie", f"{SEQUENCE}={context.sequence}; {path}"),
            ("X-ExpirationInfo", str(idle_ms)),
        ]

    def _said(
        self,
        request: Request,
        code: int,
        body: bytes = b"",
        headers: list[tuple[str, str]] | None = None,
    ) -> Response:
        return messages.said(request, code, body, server=self._application, headers=headers)
