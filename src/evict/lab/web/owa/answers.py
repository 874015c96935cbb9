# SPDX-License-Identifier: Apache-2.0
"""What every answer of OWA is made of: cookies, redirects, pages, and the page that refuses."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from evict.lab.http.messages import Response
from evict.lab.model.words import Denial, Denied
from evict.lab.web.owa import pages
from evict.lab.web.owa.cookie import NAMES, SESSION

START: Final = "/owa/"
CANARY: Final = "X-OWA-CANARY"
OLD_CANARY: Final = "UserContext"
"""Before 2013 (assumed)."""
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
SAFE: Final = [
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
_ERRORS: Final = {
    Denial.FEATURE_OFF: (
        "Microsoft.Exchange.Clients.Owa2.Server.Core.OwaUserDisabledException",
        "Outlook on the web isn't enabled for this mailbox.",
    ),
    Denial.NO_PERMISSION: (
        "Microsoft.Exchange.Data.Storage.AccessDeniedException",
        "You don't have permission to open this mailbox.",
    ),
    Denial.QUARANTINED: (
        "Microsoft.Exchange.Data.Storage.MailboxQuarantinedException",
        "Your mailbox is quarantined. Access is denied.",
    ),
    Denial.IN_TRANSIT: (
        "Microsoft.Exchange.Data.Storage.MailboxInTransitException",
        "Your mailbox is being moved. Try again later.",
    ),
    Denial.WRONG_SERVER: (
        "Microsoft.Exchange.Data.Storage.WrongServerException",
        "Your mailbox was moved. Try again later.",
    ),
    Denial.NO_MAILBOX: (
        "Microsoft.Exchange.Data.Storage.ObjectNotFoundException",
        "There is no mailbox for this account.",
    ),
}
"""Names and words are assumed, but for those of NO_PERMISSION (KB 2652193)."""
_OTHERWISE: Final = (
    "Microsoft.Exchange.Data.Storage.ServerUnavailableException",
    "Something went wrong. Try again later.",
)


def page(body: bytes) -> Response:
    return Response(200, [("Content-Type", "text/html; charset=utf-8")], body)


def json(status: int, said: object) -> Response:
    kind = ("Content-Type", "application/json; charset=utf-8")
    return Response(status, [kind], msgspec.json.encode(said))


def redirect(location: str, cookies: list[tuple[str, str]] | None = None) -> Response:
    return Response(302, [("Location", location), *(cookies or [])])


def logon(target: str, reason: str) -> str:
    """Address of the form, which leads to `target` afterwards."""
    return f"/owa/auth/logon.aspx?url={quote(target or START, safe='')}&reason={reason}"


def set_cookie(name: str, value: str, *, http_only: bool = True) -> tuple[str, str]:
    end = "; HttpOnly" if http_only else ""
    return ("Set-Cookie", f"{name}={value}; path=/; Secure{end}")


def forgotten() -> list[tuple[str, str]]:
    """Take every cookie of a session back."""
    past = "expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/; Secure; HttpOnly"
    names = (*NAMES, SESSION, CANARY, OLD_CANARY, "PrivateComputer", "PBack")
    return [("Set-Cookie", f"{name}=; {past}") for name in names]


def refused(denied: Denied, *, service: bool = False) -> Response:
    """A page that shows it, served with 200, or the service's answer with 500 (both assumed)."""
    if denied.denial is Denial.SERVER_DOWN:
        return Response(503, [("Retry-After", "30")])
    name, words = _ERRORS.get(denied.denial, _OTHERWISE)
    if service:
        said = {"ErrorCode": 500, "ExceptionName": name.rpartition(".")[2], "FaultMessage": words}
        response = json(500, {"Body": said | {"ResponseCode": "ErrorInternalServerError"}})
    else:
        response = page(pages.error(words))
    response.headers.append(("X-OWA-Error", name))
    return response
