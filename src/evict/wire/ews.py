# SPDX-License-Identifier: Apache-2.0
"""Exchange Web Services as a probe must speak it: GetFolder of the inbox, and what comes back.

Source: Microsoft's EWS reference (ResponseCode, GetFolder operation).
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from evict.core.errors import RemoteProtocolError
from evict.wire.reading import Reading, Says, of_status
from evict.wire.xml import XmlReader

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


class _Reader(XmlReader):
    def __init__(self) -> None:
        super().__init__("ews", "a SOAP envelope", root=f"{_SOAP} Envelope", depth=MAX_DEPTH)
        self.codes: list[str] = []
        self.texts: list[str] = []
        self.folders = 0

    def begun(self, name: str) -> None:
        if name == f"{_TYPES} FolderId":
            self.folders += 1

    def ended(self, name: str, text: str, inside: str) -> None:  # noqa: ARG002 - wherever it stands
        if name in (f"{_MESSAGES} ResponseCode", f"{_ERRORS} ResponseCode"):
            self.codes.append(text)
        elif name in (f"{_MESSAGES} MessageText", f"{_ERRORS} Message", "faultstring"):
            self.texts.append(text)


def parse(body: bytes) -> Said:
    """Read an envelope. Raises `RemoteProtocolError` where it is none."""
    reader = _Reader()
    reader.parse(body)
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
