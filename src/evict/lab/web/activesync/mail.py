# SPDX-License-Identifier: Apache-2.0
"""SendMail. Spec: MS-ASCMD, SendMail: an empty answer is success."""

from __future__ import annotations

import email
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses

from evict.lab.http.messages import Response
from evict.lab.model.words import Denial, Denied
from evict.lab.web.activesync.call import Call
from evict.lab.web.activesync.refusals import status
from evict.wire.activesync import STATUS_SINCE, Status


async def send_mail(call: Call) -> Response:
    """From version 14.0 on in a document, before as the body itself."""
    mime, client_id = _parts(call)
    if mime is None:
        return _refuse(call, Status.INVALID_CONTENT, 400)
    if client_id and client_id in call.phone.sent:
        return _refuse(call, Status.MESSAGE_PREVIOUSLY_SENT, 500)
    message = email.message_from_bytes(mime)
    fields = [value for name in ("To", "Cc", "Bcc") for value in message.get_all(name, [])]
    to = [address for _, address in getaddresses([str(f) for f in fields]) if "@" in address]
    if not to:
        return _refuse(call, Status.MESSAGE_HAS_NO_RECIPIENT, 400)
    sent = call.organisation.submit(call.access, to, _subject(message), _text(message))
    if isinstance(sent, Denied):
        missing = sent.denial is Denial.NO_MAILBOX
        reason = Status.USER_HAS_NO_MAILBOX if missing else Status.MAIL_SUBMISSION_FAILED
        return _refuse(call, reason, 500)
    if client_id:
        call.phone.sent.append(client_id)
    return Response(200)


def _refuse(call: Call, reason: Status, http: int) -> Response:
    return status(reason, http, call.query.command, call.version)


def _parts(call: Call) -> tuple[bytes | None, str]:
    root = call.root
    if root is None:
        old = not call.since(STATUS_SINCE) and call.request.body
        return (call.request.body if old else None), ""
    if root.tag != f"ComposeMail:{call.query.command}":
        return None, ""
    found = root.find("ComposeMail:Mime")
    data = found.data if found is not None else None
    mime = data.encode() if isinstance(data, str) else data
    return mime, root.text("ComposeMail:ClientId") or ""


def _subject(message: Message) -> str:
    raw = str(message.get("Subject", ""))
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):
        return raw


def _text(message: Message) -> str:
    """The first text that is one; a mail may be made wrong in every way."""
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        raw = part.get_payload(decode=True)
        if not isinstance(raw, bytes):
            continue
        try:
            return raw.decode(part.get_content_charset("utf-8"), "replace")
        except LookupError:
            return raw.decode("utf-8", "replace")
    return ""
