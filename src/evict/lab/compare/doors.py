# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from enum import StrEnum


class Door(StrEnum):
    """The leaver's ways in that a comparison watches; the words are what people read."""

    PAGE = "web mail, page kept open"
    WEB = "web mail, new sign-in"
    PHONE = "phone"
    EWS = "Mac or app (EWS)"
    OUTLOOK = "Outlook left open"
    IMAP = "IMAP connection"
    POP3 = "POP3, new sign-in"
    SUBMISSION = "sending, open connection"
    SENDING = "sending, new sign-in"
    SHARED = "somebody else's mailbox"
    RULE = "rule that forwards"
