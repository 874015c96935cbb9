# SPDX-License-Identifier: Apache-2.0
"""`/owa` of one client access server: the login form, cookies, a mailbox that people can use."""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import quote, urlsplit

from evict.lab.http.messages import Request, Response
from evict.lab.model.cookies import OwaCookie
from evict.lab.model.organisation import Organisation
from evict.lab.model.store import Access
from evict.lab.model.words import Denial, Denied, Principal, Protocol
from evict.lab.web.owa import pages, service
from evict.lab.web.owa.answers import (
    CANARY,
    OLD_CANARY,
    SAFE,
    START,
    forgotten,
    logon,
    page,
    redirect,
    refused,
    set_cookie,
)
from evict.lab.web.owa.cookie import CookieKey
from evict.lab.web.owa.desk import Desk
from evict.lab.web.owa.login import read_login
from evict.lab.web.owa.pages import SHOWN, View

_NOBODY: Final = ""
_BY_ITSELF: Final = "0"


class OwaSite:
    """Args: key: what encrypts the cookies; every server of an organisation has the same one."""

    def __init__(self, organisation: Organisation, server: str, key: CookieKey) -> None:
        self._organisation = organisation
        self._server = server
        self._key = key
        self._scripted = organisation.profile.has("self-contained-cookie")
        self._canary = CANARY if self._scripted else OLD_CANARY

    async def __call__(self, request: Request) -> Response:
        response, sam = self._route(request)
        response.headers += SAFE
        url = request.target[:300]
        self._organisation.log(self._server, Protocol.OWA, sam, response.status, url=url)
        return response

    def _route(self, request: Request) -> tuple[Response, str]:
        path = request.path.lower()
        if self._organisation.servers[self._server].down:
            return Response(503), _NOBODY
        if path.endswith(("/auth.owa", "/owaauth.dll")):
            return self._login(request)
        if request.method not in ("GET", "HEAD", "POST"):
            return Response(405, [("Allow", "GET, HEAD, POST")]), _NOBODY
        anybody = self._for_anybody(request, path)
        return self._inside(request) if anybody is None else (anybody, _NOBODY)

    def _for_anybody(self, request: Request, path: str) -> Response | None:
        if path.endswith("/logon.aspx"):
            query = request.query
            return page(pages.login(query.get("url", START)[:1024], query.get("reason", "")))
        if path.endswith(("/logoff.owa", "/logoff.aspx")):
            return self._leave(request)
        if path.startswith("/owa/calendar/"):
            return self._calendar(path)
        return None

    def _login(self, request: Request) -> tuple[Response, str]:
        if request.method != "POST":
            return Response(405, [("Allow", "POST")]), _NOBODY
        form = read_login(request)
        if form is None:
            return Response(400), _NOBODY
        cookie = self._organisation.sign_in_forms(
            self._server, form.name, form.password, private=form.private
        )
        if isinstance(cookie, Denied):
            if cookie.denial is Denial.SERVER_DOWN:
                return refused(cookie), _NOBODY
            return redirect(logon(form.target, "2"), forgotten()), _NOBODY
        account = self._organisation.directory.find(form.name)
        sam = _NOBODY if account is None else account.sam
        return redirect(form.target, self._set(cookie)), sam

    def _set(self, cookie: OwaCookie) -> list[tuple[str, str]]:
        values = {**self._key.seal(cookie), "PBack": "0"}
        if cookie.private:
            values["PrivateComputer"] = "true"
        return [set_cookie(name, value) for name, value in values.items()]

    def _leave(self, request: Request) -> Response:
        """A self-contained cookie cannot be taken back: whoever has a copy of it goes on."""
        cookie = self._key.open(request.cookies(), self._server)
        if cookie is not None and cookie.session:
            self._organisation.servers[self._server].sessions.pop(cookie.session, None)
        return redirect(logon("", "1"), forgotten())

    def _inside(self, request: Request) -> tuple[Response, str]:
        """A page of the mailbox, for whoever has a cookie that is taken."""
        cookie = self._key.open(request.cookies(), self._server)
        if cookie is None:
            return self._out(request, "0"), _NOBODY
        who = self._organisation.check_cookie(self._server, cookie)
        if isinstance(who, Denied):
            if who.denial is Denial.SERVER_DOWN:
                return refused(who), _NOBODY
            expired = who.denial is Denial.COOKIE_EXPIRED
            return self._out(request, "3" if expired else "2"), _NOBODY
        response = self._opened(request, who)
        # What OWA's scripts ask by themselves says UA=0, and is no sign of a person (assumed).
        if request.query.get("UA") != _BY_ITSELF:
            renewed = self._organisation.renew_cookie(cookie)
            response.headers += [] if renewed is None else self._set(renewed)
        return response, who.sam

    def _out(self, request: Request, reason: str) -> Response:
        """Whom nobody knows is sent to the form; a POST cannot be, and gets 440."""
        if request.method == "POST" or request.query.get("oeh") == "1":
            start = logon("/owa/", "3").replace("&", "&amp;")
            body = (
                f'<!doctype html><meta http-equiv="refresh" content="0;url={start}">Login Timeout'
            )
            return Response(440, [("Content-Type", "text/html; charset=utf-8")], body.encode())
        return redirect(logon(request.target, reason), [] if reason == "0" else forgotten())

    def _opened(self, request: Request, who: Principal) -> Response:
        asks_service = request.path.lower().endswith("/service.svc")
        if asks_service and not self._scripted:
            return Response(404)
        other = _other(request.path)
        access = self._organisation.enter(self._server, Protocol.OWA, who, mailbox=other)
        if isinstance(access, Denied):
            return refused(access, service=asks_service)
        word = request.cookies().get(self._canary, "")
        canary = word if self._key.is_canary(word, who.sam) else ""
        if asks_service:
            return self._service(request, access, canary)
        fresh = canary or self._key.canary(who.sam)
        base = f"{START}{quote(other, safe='@')}/" if other else START
        desk = Desk(self._organisation, access, _view(access, base, fresh))
        post = request.method == "POST"
        response = desk.send(request, canary) if post else desk.get(request)
        response.headers.append(set_cookie(self._canary, fresh, http_only=False))
        return response

    def _service(self, request: Request, access: Access, canary: str) -> Response:
        """Without the canary in a header it is 449, and the answer brings a new one (assumed)."""
        given = request.headers.get(CANARY)
        if not canary or not hmac.compare_digest(given.encode(), canary.encode()):
            fresh = self._key.canary(access.principal.sam)
            return Response(449, [set_cookie(CANARY, fresh, http_only=False)])
        return service.serve(request, access)

    def _calendar(self, path: str) -> Response:
        """A published calendar: nobody signs in."""
        for box in self._organisation.mailboxes.values():
            if box.calendar.enabled and path == urlsplit(box.calendar.url).path.lower():
                return page(pages.calendar(box))
        return Response(404)


def _other(path: str) -> str | None:
    """Whose mailbox `/owa/address/` opens (explicit logon); None: one's own."""
    part = path.split("/")[2:3]
    return part[0][:254] if part and "@" in part[0] else None


def _view(access: Access, base: str, canary: str) -> View:
    shown = tuple(f for f in SHOWN if access.folders is None or f in access.folders)
    return View(box=access.mailbox, base=base, canary=canary, folders=shown)
