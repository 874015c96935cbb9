# SPDX-License-Identifier: Apache-2.0
"""ActiveSync over HTTP as both ends see it: versions, statuses, documents.

Spec: MS-ASCMD 2.2.2 (common status codes).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from evict.wire.activesync_pages import PAGES, TOKENS
from evict.wire.wbxml import Element, broken, decode, encode

PATH: Final = "/Microsoft-Server-ActiveSync"
CONTENT_TYPE: Final = "application/vnd.ms-sync.wbxml"
MAIL_TYPE: Final = "message/rfc822"
_MAKER: Final = "MS"
POLICY_TYPE: Final = f"{_MAKER}-EAS-Provisioning-WBXML"
"""A word of the protocol that looks like a document's name."""
STATUS_SINCE: Final = "14.0"
"""From this version of the protocol on a refusal is a status in a document, before it an error
of HTTP (MS-ASCMD 2.2.2)."""

STATUS_TAGS: Final = {
    "Sync": "AirSync",
    "SendMail": "ComposeMail",
    "SmartForward": "ComposeMail",
    "SmartReply": "ComposeMail",
    "FolderSync": "FolderHierarchy",
    "FolderCreate": "FolderHierarchy",
    "FolderDelete": "FolderHierarchy",
    "FolderUpdate": "FolderHierarchy",
    "GetItemEstimate": "GetItemEstimate",
    "Settings": "Settings",
    "Ping": "Ping",
    "ItemOperations": "ItemOperations",
    "Provision": "Provision",
}
"""Command -> page of its root element and of that one's status."""


class Status(IntEnum):
    """Common statuses (MS-ASCMD 2.2.2); below 100 each command has its own."""

    OK = 1
    INVALID_CONTENT = 101
    INVALID_WBXML = 102
    INVALID_MIME = 107
    DEVICE_ID_INVALID = 108
    SERVER_ERROR = 110
    SERVER_ERROR_RETRY_LATER = 111
    MAILBOX_SERVER_OFFLINE = 114
    MESSAGE_PREVIOUSLY_SENT = 118
    MESSAGE_HAS_NO_RECIPIENT = 119
    MAIL_SUBMISSION_FAILED = 120
    USER_HAS_NO_MAILBOX = 123
    USER_DISABLED_FOR_SYNC = 126
    USER_ON_NEW_MAILBOX_CANNOT_SYNC = 127
    USER_ON_LEGACY_MAILBOX_CANNOT_SYNC = 128
    DEVICE_IS_BLOCKED_FOR_THIS_USER = 129
    ACCESS_DENIED = 130
    ACCOUNT_DISABLED = 131
    COMMAND_NOT_SUPPORTED = 137
    VERSION_NOT_SUPPORTED = 138
    REMOTE_WIPE_REQUESTED = 140
    DEVICE_NOT_PROVISIONED = 142
    POLICY_REFRESH = 143
    INVALID_POLICY_KEY = 144
    DEVICE_INFORMATION_REQUIRED = 165


class Ping(IntEnum):
    """MS-ASCMD, Status (Ping)."""

    EXPIRED = 1
    CHANGED = 2
    PARAMETERS_MISSING = 3
    SYNTAX = 4
    HEARTBEAT_OUT_OF_RANGE = 5
    TOO_MANY_FOLDERS = 6
    HIERARCHY_CHANGED = 7


class SyncStatus(IntEnum):
    """MS-ASCMD, Status (Sync)."""

    INVALID_SYNC_KEY = 3
    PROTOCOL_ERROR = 4
    NOT_FOUND = 8
    HIERARCHY_CHANGED = 12
    NOT_COMPLETE = 13


FOLDER_SYNC_KEY_INVALID: Final = 9
FOLDER_SYNC_MALFORMED: Final = 10


def order(version: str) -> tuple[int, int]:
    """To compare versions by. Raises `RemoteProtocolError` for what is no version."""
    major, dot, minor = version.partition(".")
    if not (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        broken("not a version of the protocol")
    if len(major) > 2 or len(minor) > 2:
        broken("not a version of the protocol")
    return int(major), int(minor)


def read_body(body: bytes) -> Element:
    """Raises `RemoteProtocolError`."""
    return decode(body, PAGES)


def write_body(root: Element) -> bytes:
    return encode(root, TOKENS)


def status_of(root: Element) -> int | None:
    """The status of a whole answer, whichever command it answers; None where it has none."""
    page, _, name = root.tag.partition(":")
    if STATUS_TAGS.get(name) != page:
        broken(f"an answer that is none: {root.tag}")
    text = root.text(f"{page}:Status")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        broken("a status that is no number")
    return int(text)


def status_document(command: str, status: int) -> Element:
    """An answer that says a status and nothing else."""
    page = STATUS_TAGS[command]
    return Element(f"{page}:{command}", (Element(f"{page}:Status", (), str(int(status))),))
