# SPDX-License-Identifier: Apache-2.0
"""Exchange Web Services as a probe must speak it: GetFolder of the inbox, and what comes back.

Source: Microsoft's EWS reference (ResponseCode, GetFolder operation).
"""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire.reading import Reading, Says, of_status

PATH: Final = "/EWS/Exchange.asmx"
CONTENT_TYPE: Final = "text/xml; charset=utf-8"
MAX_DEPTH: Final = 64
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
_TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
_ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
REFUSALS: Final = frozenset(
    {
        "ErrorAccessDenied",
        "ErrorAccountDisabled",
        "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied",
        "ErrorMissingEmailAddress",
        "ErrorMissingInformationEmailAddress",
        "ErrorNonExistentMailbox",
        "ErrorPasswordExpired",
    }
)
"""Codes that say that this account does not come in. Others are about the server, a move that is
under way, or the request."""
_QUARANTINED: Final = re.compile(r"quarantin", re.IGNORECASE)


def get_inbox() -> bytes:
    """GetFolder of the inbox, its id alone: nothing of its content."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{_SOAP}" xmlns:m="{_MESSAGES}" xmlns:t="{_TYPES}">'
        '<s:Header><t:RequestServerVersion Version="Exchange2010"/></s:Header>'
        "<s:Body><m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
        '<m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder></s:Body>'
        "</s:Envelope>"
    ).encode()


class Said(Struct, frozen=True):
    """What an envelope says.

    Attributes:
        codes: every ResponseCode, in order.
        texts: MessageText and faultstring.
        folders: how many folder ids came.
    """

    codes: tuple[str, ...]
    texts: tuple[str, ...]
    folders: int


class _Reader:
    """Collects; a DTD ends it, so no entity of the server's own is ever expanded."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.texts: list[str] = []
        self.folders = 0
        self.root = ""
        self._stack: list[str] = []
        self._text: list[str] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartDoctypeDeclHandler = self._doctype

    def parse(self, body: bytes) -> None:
        self._parser.Parse(body, True)  # noqa: FBT003 - takes no keyword

    def _doctype(self, *_: object) -> None:
        raise RemoteProtocolError("a document type in a SOAP answer", system="ews")

    def _start(self, name: str, _: dict[str, str]) -> None:
        self.root = self.root or name
        self._stack.append(name)
        if len(self._stack) > MAX_DEPTH:
            raise RemoteProtocolError("a SOAP answer is nested too deep", system="ews")
        self._text.clear()
        if name == f"{_TYPES} FolderId":
            self.folders += 1

    def _end(self, name: str) -> None:
        text = "".join(self._text).strip()
        self._text.clear()
        self._stack.pop()
        if name in (f"{_MESSAGES} ResponseCode", f"{_ERRORS} ResponseCode"):
            self.codes.append(text)
        elif name in (f"{_MESSAGES} MessageText", f"{_ERRORS} Message", "faultstring"):
            self.texts.append(text)


def parse(body: bytes) -> Said:
    """Read an envelope. Raises `RemoteProtocolError` where it is none."""
    reader = _Reader()
    try:
        reader.parse(body)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise RemoteProtocolError(f"not XML: {error}", system="ews") from error
    if reader.root != f"{_SOAP} Envelope":
        raise RemoteProtocolError("not a SOAP envelope", system="ews")
    return Said(tuple(reader.codes), tuple(reader.texts), reader.folders)


def read(status: int, body: bytes) -> Reading:
    """What the answer to `get_inbox` means: a folder, a refusal in a 200 or a 500, or neither.

    Raises:
        RemoteProtocolError: status 200 without a SOAP envelope.
    """
    if status not in (200, 500):
        redirected = Reading(says=Says.UNCLEAR, words=f"HTTP {status}")
        return of_status(status) or redirected
    try:
        said = parse(body)
    except RemoteProtocolError:
        if status == 200:
            raise
        return Reading(says=Says.UNCLEAR, words="HTTP 500")
    code = next((c for c in said.codes if c != "NoError"), "")
    if code in REFUSALS or any(_QUARANTINED.search(text) for text in said.texts):
        return Reading(says=Says.REFUSED, words=_words(code, said))
    if said.codes and not code and said.folders and status == 200:
        return Reading(says=Says.IN, words="GetFolder: the inbox")
    return Reading(says=Says.UNCLEAR, words=_words(code, said) or f"HTTP {status}")


def _words(code: str, said: Said) -> str:
    return ": ".join(part for part in (code, *said.texts[:1]) if part)
