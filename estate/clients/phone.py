# SPDX-License-Identifier: Apache-2.0
"""A phone: ActiveSync with Basic, folders, mail with its body, and a held Ping.

Spec: MS-ASCMD 2.2.1 (FolderSync, Sync, Ping), MS-ASHTTP 2.2.1.
"""

from __future__ import annotations

import base64
import time
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct

from estate import layout as at
from estate.clients.https import Https, expect
from estate.clients.lines import Ended, Refused
from estate.clients.live import Live
from estate.clients.wbxml import Element, decode, element, encode
from estate.commands import run
from estate.layout import Layout
from estate.people import Person

INBOX: Final = "2"
"""FolderSync's type of the inbox."""
CHANGED: Final = "2"
HEARTBEAT_S: Final = 60


class Received(Struct, frozen=True, kw_only=True):
    """A mail that reached the phone. `at_ns`: UTC, of time.time_ns."""

    at_ns: int
    subject: str
    body: str


class Phone(Live):
    """Signs in by FolderSync, and knows the inbox as it was then; a beat fetches what is new.

    Attributes:
        received: mails that came since, with their bodies.
    """

    def __init__(
        self, layout: Layout, person: Person, source: str, front: int = at.HAPROXY
    ) -> None:
        self.person = person
        self.received: list[Received] = []
        self._https = Https(layout, front, source)
        token = base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
        self._https.headers |= {"Authorization": f"Basic {token}", "MS-ASProtocolVersion": "14.1"}
        self._device = f"phone{source.replace('.', '')}"
        _count_changes(layout, person)
        try:
            self._inbox = self._find_inbox()
            self._key = self._sync("0").one("SyncKey")
            self.fetch()
            self.received.clear()
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Once signed in."""

    def beat(self) -> None:
        self.fetch()

    def fetch(self) -> None:
        """Sync until nothing more comes."""
        while True:
            answer = self._sync(self._key)
            self._key = answer.one("SyncKey") or self._key
            added = answer.all("Add")
            if not added:
                return
            now = time.time_ns()
            for each in added:
                mail = Received(
                    at_ns=now, subject=each.one("Email:Subject"), body=each.one("Body:Data")
                )
                self.received.append(mail)

    def close(self) -> None:
        self._https.close()

    def _find_inbox(self) -> str:
        folders = self._command("FolderSync", element("FolderSync", element("Folder:SyncKey", "0")))
        for folder in folders.all("Folder:Add"):
            if folder.one("Folder:Type") == INBOX:
                return folder.one("Folder:ServerId")
        raise Refused("FolderSync names no inbox")

    def _sync(self, key: str) -> Element:
        """With the bodies as plain text; key 0 only asks for the first key."""
        parts = [element("SyncKey", key), element("CollectionId", self._inbox)]
        if key != "0":
            body = element("BodyPreference", element("Body:Type", "1"))
            parts += [element("GetChanges"), element("WindowSize", "50"), element("Options", body)]
        return self._command(
            "Sync", element("Sync", element("Collections", element("Collection", *parts)))
        )

    def _command(self, name: str, document: Element) -> Element:
        answer = self._https.request(*self._request(name), encode(document), **_WBXML)
        body = expect(answer, 200).body
        return decode(body) if body else element("Sync")

    def _request(self, name: str) -> tuple[str, str]:
        query = {
            "Cmd": name,
            "User": self.person.name,
            "DeviceId": self._device,
            "DeviceType": "SmartPhone",
        }
        return "POST", f"/Microsoft-Server-ActiveSync?{urlencode(query)}"


class PhonePing(Phone):
    """Waits in a Ping; a beat only looks whether it was answered, and then fetches the mail."""

    def begin(self) -> None:
        folder = element(
            "Ping:Folder", element("Ping:Id", self._inbox), element("Ping:Class", "Email")
        )
        document = element(
            "Ping",
            element("Ping:HeartbeatInterval", str(HEARTBEAT_S)),
            element("Ping:Folders", folder),
        )
        self._https.send(*self._request("Ping"), encode(document), **_WBXML)
        self._waits = True

    def beat(self) -> None:
        if not self._waits:
            raise Ended("the Ping was not answered well")
        if not self._https.waiting():
            return
        self._waits = False
        status = decode(expect(self._https.answer(), 200).body).one("Ping:Status")
        if status == CHANGED:
            self.fetch()
        self.begin()


def _count_changes(layout: Layout, person: Person) -> None:
    """As any mail program with CONDSTORE (RFC 7162) does by selecting the inbox.

    Quirk: SOGo 5.8 shows a phone nothing of a mailbox whose changes Dovecot does not count yet, and
    Dovecot 2.3 begins to when somebody asks for their numbers: SOGo's web mail does, phones do not.
    """
    command = ("doveadm", "-c", layout.dovecot_conf, "fetch", "-u", person.name, "modseq")
    run(*command, "mailbox", "INBOX", "all")


_WBXML: Final = {"Content_Type": "application/vnd.ms-sync.wbxml"}
