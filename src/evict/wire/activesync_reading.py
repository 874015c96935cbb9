# SPDX-License-Identifier: Apache-2.0
"""What an answer to a phone means for the door: with 200 may come a refusal.

Spec: MS-ASHTTP 2.2.2.1.1 (errors of HTTP), MS-ASCMD 2.2.2 (statuses in a document).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from evict.wire.activesync import CONTENT_TYPE, Status, read_body, status_of
from evict.wire.reading import Reading, Says
from evict.wire.wbxml import Element, broken

_OK: Final = 200
_PROVISION_HTTP: Final = 449
_REFUSALS_HTTP: Final = {
    401: "the login was refused",
    403: "the mailbox is not let in with ActiveSync",
    456: "the account is blocked",
    457: "the password is expired",
}
_REFUSALS: Final[dict[int, str]] = {
    Status.USER_HAS_NO_MAILBOX: "the user has no mailbox",
    Status.USER_DISABLED_FOR_SYNC: "ActiveSync is off for the user",
    Status.USER_ON_NEW_MAILBOX_CANNOT_SYNC: "the mailbox cannot be synchronised",
    Status.USER_ON_LEGACY_MAILBOX_CANNOT_SYNC: "the mailbox cannot be synchronised",
    Status.ACCESS_DENIED: "access is denied",
    Status.ACCOUNT_DISABLED: "the account is disabled",
}
_THIS_PHONE: Final[dict[int, str]] = {
    Status.DEVICE_IS_BLOCKED_FOR_THIS_USER: "this device is blocked",
    Status.REMOTE_WIPE_REQUESTED: "this device is to be wiped",
}
"""A refusal of one phone: another one may still come in."""
_PROVISION: Final[frozenset[int]] = frozenset(
    {Status.DEVICE_NOT_PROVISIONED, Status.POLICY_REFRESH, Status.INVALID_POLICY_KEY}
)


class Reply(Struct, frozen=True):
    """An answer with what it says.

    Attributes:
        http: the status of HTTP; 0: the server ended the connection instead.
        root: the document, if there is one.
        status: its status; OK where it has none, or where there is no document.
    """

    http: int
    root: Element | None = None
    status: int = Status.OK

    @property
    def asks_to_provision(self) -> bool:
        """The login was accepted; the phone is to take over a policy first."""
        if self.http == _PROVISION_HTTP:
            return True
        return self.answers and self.status in _PROVISION

    @property
    def answers(self) -> bool:
        """ActiveSync itself answered, with whatever status."""
        return self.http == _OK and self.root is not None

    @property
    def works(self) -> bool:
        return self.answers and self.status == Status.OK

    @property
    def says(self) -> str:
        if not self.http:
            return "the server ended the connection"
        return f"HTTP {self.http}" + (f", status {self.status}" if self.answers else "")


ENDED: Final = Reply(0)


def read_reply(http: int, content_type: str, body: bytes) -> Reply:
    """Raises `RemoteProtocolError` for a 200 that is no answer of ActiveSync's."""
    if http != _OK or not body:
        return Reply(http)
    if content_type.partition(";")[0].strip().lower() != CONTENT_TYPE:
        broken("an answer that is not ActiveSync's")
    root = read_body(body)
    status = status_of(root)
    return Reply(http, root, Status.OK if status is None else status)


def judge(reply: Reply, *, whole_person: bool) -> Reading:
    """What a reply to FolderSync means.

    Args:
        whole_person: a refusal of this phone alone is no refusal of the person.
    """
    if reply.works:
        return Reading(says=Says.IN, words=f"the folders were listed: {reply.says}")
    if reply.answers and reply.status in _THIS_PHONE:
        says = Says.UNCLEAR if whole_person else Says.REFUSED
        return Reading(says=says, words=f"{_THIS_PHONE[reply.status]}: {reply.says}")
    why = _REFUSALS.get(reply.status) if reply.answers else _REFUSALS_HTTP.get(reply.http)
    if why is not None:
        return Reading(says=Says.REFUSED, words=f"{why}: {reply.says}")
    return Reading(says=Says.UNCLEAR, words=f"neither let in nor refused: {reply.says}")
