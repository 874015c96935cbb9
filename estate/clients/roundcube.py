# SPDX-License-Identifier: Apache-2.0
"""A browser in Roundcube, without its scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from estate import layout as at
from estate.clients.https import Answer, Https, expect
from estate.clients.lines import Refused
from estate.clients.live import Live
from estate.layout import Layout
from estate.people import Person

_FORM: Final = re.compile(r'name="_token" value="([^"]+)"')
_COMPOSE: Final = re.compile(r'name="_id" value="([^"]+)"')
_IDENTITY: Final = re.compile(r'<select name="_from".*?<option value="(\d+)"', re.DOTALL)
_ROW: Final = re.compile(r"add_message_row\((\d+)")


class RoundcubeWeb(Live):
    """Signs in through the form; a beat lists the inbox."""

    def __init__(
        self, layout: Layout, person: Person, source: str, front: int = at.HAPROXY
    ) -> None:
        self.person = person
        self._https = Https(layout, front, source)
        try:
            self._log_in(person)
        except BaseException:
            self.close()
            raise

    def beat(self) -> None:
        self.inbox()

    def inbox(self) -> list[int]:
        """The numbers of the mails in the inbox."""
        found = self._ask("_task=mail&_action=list&_mbox=INBOX&_refresh=1")
        return [int(each) for each in _ROW.findall(found["exec"])]

    def read(self, uid: int) -> str:
        """The page that shows one mail."""
        page = f"/roundcube/?_task=mail&_action=preview&_mbox=INBOX&_uid={uid}&_framed=1"
        return expect(self._https.request("GET", page), 200).text

    def send(self, to: str, subject: str) -> None:
        """Write a short mail and send it."""
        begun = self._https.request("GET", "/roundcube/?_task=mail&_action=compose")
        page = expect(self._https.request("GET", expect(begun, 302).location), 200)
        token, compose = _FORM.search(page.text), _COMPOSE.search(page.text)
        if token is None or compose is None:
            raise Refused(f"nothing to write in: {page.text[:120]!r}")
        form = {"_token": token[1], "_id": compose[1], "_to": to}
        form |= {"_subject": subject, "_message": "Hello.", "_task": "mail", "_action": "send"}
        identity = _IDENTITY.search(page.text)
        form["_from"] = identity[1] if identity else ""
        sent = expect(self._post("/roundcube/?_task=mail&_action=send", form), 200)
        if "sent_successfully" not in sent.text:
            raise Refused(sent.text[-200:])

    def close(self) -> None:
        self._https.close()

    def _log_in(self, person: Person) -> None:
        page = expect(self._https.request("GET", "/roundcube/?_task=login"), 200)
        token = _FORM.search(page.text)
        if token is None:
            raise Refused(f"no login form: {page.text[:120]!r}")
        form = {
            "_task": "login",
            "_action": "login",
            "_user": person.name,
            "_pass": person.password,
            "_token": token[1],
            "_timezone": "UTC",
            "_url": "",
        }
        answer = self._post("/roundcube/?_task=login", form)
        if answer.status != 302 or "_task=mail" not in answer.location:
            raise Refused(f"{answer.status} {answer.location}")

    def _post(self, path: str, form: Mapping[str, str]) -> Answer:
        kind = "application/x-www-form-urlencoded"
        return self._https.request("POST", path, urlencode(form), Content_Type=kind)

    def _ask(self, query: str) -> dict[str, Any]:
        """What the page's scripts ask; the answer is more script, inside JSON."""
        answer = self._https.request(
            "GET",
            f"/roundcube/?{query}&_remote=1",
            X_Requested_With="XMLHttpRequest",
            X_Roundcube_Request="1",
        )
        expect(answer, 200)
        found: dict[str, Any] = json.loads(answer.text)
        # Quirk: Roundcube 1.6 answers 200 and an empty mailbox where the mail server let it not in.
        if "session_error" in found["exec"] or '"error",' in found["exec"]:
            raise Refused(found["exec"][:200])
        return found
