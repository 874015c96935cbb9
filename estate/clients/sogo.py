# SPDX-License-Identifier: Apache-2.0
"""A browser in SOGo, without its scripts; and a calendar and an address book program."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from estate import layout as at
from estate.clients.https import Answer, Https, expect
from estate.clients.lines import Refused
from estate.clients.live import Live
from estate.layout import Layout
from estate.people import Person

COOKIE: Final = "0xHIGHFLYxSOGo"


class SogoWeb(Live):
    """Signs in with name and password; a beat lists the inbox."""

    def __init__(
        self, layout: Layout, person: Person, source: str, front: int = at.HAPROXY
    ) -> None:
        self.person = person
        self._https = Https(layout, front, source)
        login = {
            "userName": person.name,
            "password": person.password,
            "domain": None,
            "rememberLogin": 0,
        }
        try:
            self._post("/SOGo/connect", login)
            # Quirk: SOGo 5.8 answers 500 to a mail that is read without it.
            self._https.headers["X-XSRF-TOKEN"] = self._https.cookies.get("XSRF-TOKEN", "")
        except BaseException:
            self.close()
            raise

    @property
    def cookie(self) -> str:
        return self._https.cookies[COOKIE]

    def beat(self) -> None:
        self.inbox()

    def inbox(self) -> list[int]:
        """The numbers of the mails in the inbox."""
        order = {"sortingAttributes": {"sort": "arrival", "asc": 0}}
        found = self._post(f"{self._mail}/folderINBOX/view", order)
        return [int(uid) for uid in found.get("uids", ())]

    def read(self, uid: int) -> str:
        """The mail with its body, as SOGo shows it."""
        mail = _document_of(self._https.request("GET", f"{self._mail}/folderINBOX/{uid}/view"))
        return json.dumps(mail)

    def send(self, to: str, subject: str) -> None:
        """Write a short mail and send it."""
        begun = _document_of(self._https.request("GET", f"{self._mail}/compose"))
        draft = f"{self._mail}/folder{begun['mailboxPath']}/{begun['draftId']}"
        mail = {"from": self.person.mail, "to": [to], "subject": subject, "text": "Hello."}
        sent = self._post(f"{draft}/send", mail)
        if sent.get("status") != "success":
            raise Refused(str(sent)[:200])

    def close(self) -> None:
        self._https.close()

    @property
    def _mail(self) -> str:
        return f"/SOGo/so/{self.person.name}/Mail/0"

    def _post(self, path: str, document: object) -> dict[str, Any]:
        body = json.dumps(document)
        return _document_of(
            self._https.request("POST", path, body, Content_Type="application/json")
        )


class CalDav(Live):
    """Signs each request with Basic; a beat asks for the calendar and what lies in it."""

    place = "Calendar"
    report = (
        '<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
        "<d:prop><d:getetag/></d:prop>"
        '<c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>'
    )

    def __init__(
        self, layout: Layout, person: Person, source: str, front: int = at.HAPROXY
    ) -> None:
        self.person = person
        self._https = Https(layout, front, source)
        token = base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
        self._https.headers["Authorization"] = f"Basic {token}"
        try:
            self.beat()
        except BaseException:
            self.close()
            raise

    def beat(self) -> None:
        path = f"/SOGo/dav/{self.person.name}/{self.place}/personal/"
        find = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
        for method, body in (("PROPFIND", find), ("REPORT", self.report)):
            answer = self._https.request(method, path, body, Depth="1", Content_Type="text/xml")
            expect(answer, 207)

    def close(self) -> None:
        self._https.close()


class CardDav(CalDav):
    place = "Contacts"
    report = (
        '<c:addressbook-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:carddav">'
        "<d:prop><d:getetag/></d:prop><c:filter/></c:addressbook-query>"
    )


def _document_of(answer: Answer) -> dict[str, Any]:
    """Quirk: SOGo 5.8 answers a dead session 200, with the login page."""
    if answer.status not in (200, 201) or not answer.text.startswith("{"):
        raise Refused(f"{answer.status} {answer.text[:120]!r}")
    found: dict[str, Any] = json.loads(answer.text)
    return found
