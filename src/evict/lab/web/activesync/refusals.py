# SPDX-License-Identifier: Apache-2.0
"""How ActiveSync says that somebody does not come in.

From version 14.0 of the protocol on by a status in a document, before by an error of HTTP
(MS-ASCMD 2.2.2, MS-ASHTTP 2.2.2.1.1). Which of the two Exchange chooses for a mailbox whose
ActiveSync is off is assumed to go by that version too.
"""

from __future__ import annotations

from typing import Final

from evict.lab.http.messages import Response
from evict.lab.model.words import Denial, Denied
from evict.lab.web.activesync.call import document
from evict.wire.activesync import STATUS_SINCE, STATUS_TAGS, Status, order, status_document

_SIGN_IN: Final = frozenset(
    {
        Denial.BAD_CREDENTIALS,
        Denial.ACCOUNT_DISABLED,
        Denial.PASSWORD_MUST_CHANGE,
        Denial.COOKIE_EXPIRED,
        Denial.SESSION_ENDED,
    }
)
_ANSWERS: Final[dict[Denial, tuple[Status, int]]] = {
    Denial.FEATURE_OFF: (Status.USER_DISABLED_FOR_SYNC, 403),
    Denial.DEVICE_BLOCKED: (Status.DEVICE_IS_BLOCKED_FOR_THIS_USER, 403),
    Denial.DEVICE_WIPE: (Status.REMOTE_WIPE_REQUESTED, 449),
    Denial.NO_PERMISSION: (Status.ACCESS_DENIED, 403),
    Denial.NO_MAILBOX: (Status.USER_HAS_NO_MAILBOX, 403),
    # Assumed: no page says what a phone of a quarantined or moving mailbox sees.
    Denial.QUARANTINED: (Status.SERVER_ERROR, 503),
    Denial.IN_TRANSIT: (Status.MAILBOX_SERVER_OFFLINE, 503),
}


def unauthorized(realm: str) -> Response:
    return Response(401, [("WWW-Authenticate", f'Basic realm="{realm}"')])


def refusal(denied: Denied, command: str, version: str, *, realm: str, location: str) -> Response:
    """The answer to somebody who is not let in.

    Args:
        location: URL of the server that has the mailbox, for one that is elsewhere now.
    """
    if denied.denial in _SIGN_IN:
        return unauthorized(realm)
    if denied.denial is Denial.WRONG_SERVER:
        return Response(451, [("X-MS-Location", location)])
    if denied.denial not in _ANSWERS:
        return Response(503, [("Retry-After", "60")])
    return status(*_ANSWERS[denied.denial], command, version)


def status(number: int, http: int, command: str, version: str) -> Response:
    """A common status, or the error of HTTP for phones that know none."""
    if command in STATUS_TAGS and version and order(version) >= order(STATUS_SINCE):
        return document(status_document(command, number))
    return Response(http)
