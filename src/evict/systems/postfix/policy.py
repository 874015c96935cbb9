# SPDX-License-Identifier: Apache-2.0
"""Postfix's policy delegation protocol, sans-I/O: requests in, actions out.

Spec: SMTPD_POLICY_README of Postfix 3.7, Protocol description (lines of name=value, an empty line
ends a request; one request at a time on a connection that stays open; the answer is `action=` with
an access(5) action and an empty line).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Decide = Callable[[bytes, bytes], bool | None]
"""(login name, SASL mechanism) -> may come in; None: nobody may, for now."""

MAX_REQUEST: Final = 16 * 1024
"""Bytes. Postfix's take about 800; every attribute it fills from a client is bounded."""

LET_IN: Final = b"action=DUNNO\n\n"
REFUSE: Final = b"action=521 5.7.1 Access denied\n\n"
"""521 ends the connection too (access(5): 521 and 421 hang up)."""
NOT_NOW: Final = b"action=421 4.3.2 Service not available, try again later\n\n"

_KIND: Final = b"request=smtpd_access_policy\n"
"""The first line that Postfix sends."""
_NAME: Final = b"\nsasl_username="
_NAME_LENGTH: Final = len(_NAME)
_end: Final = re.compile(rb"\n\n").search
"""Twice as fast as bytes.find: that is slow at needles of two bytes."""
_MECHANISM: Final = b"\nsasl_method="
_MECHANISM_LENGTH: Final = len(_MECHANISM)


class Conversation:
    """One connection. `receive` gives what to write; `ended` says to close after writing it.

    What is no request of Postfix's gets no answer but the end of the connection, which Postfix
    takes for a temporary failure. A request without a login name is nobody's: it passes. Where it
    is asked (RCPT, DATA, end of data, or earlier) makes no difference to the answer.
    """

    __slots__ = ("_buffer", "_decide", "ended")

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._buffer = b""
        self.ended = False

    def receive(self, data: bytes) -> bytes:
        """Take what came; give the answers to all whole requests in it, in order."""
        if self._buffer:
            data = self._buffer + data
        found = _end(data)
        if (
            found is not None
            and found.end() == len(data)  # one whole request: Postfix waits for the answer
            and len(data) <= MAX_REQUEST
            and data.startswith(_KIND)
            and not self.ended
        ):
            self._buffer = b""
            return self._answer(data, 0, len(data) - 1)
        return self._receive_many(data)

    def _receive_many(self, data: bytes) -> bytes:
        """Several requests, half a one, or what is none."""
        if self.ended:
            return b""
        answers = []
        start = 0
        while (end := data.find(b"\n\n", start)) >= 0:
            if end - start > MAX_REQUEST or not data.startswith(_KIND, start, end + 1):
                self.ended = True
                break
            answers.append(self._answer(data, start, end + 1))
            start = end + 2
        self._buffer = data[start:]
        if len(self._buffer) > MAX_REQUEST:
            self.ended = True
        return b"".join(answers)

    def _answer(self, data: bytes, start: int, end: int) -> bytes:
        """The first login name counts, and the mechanism before it, next to it: so says Postfix."""
        found = data.find(_NAME, start, end)
        if found < 0:
            return LET_IN
        at = found + _NAME_LENGTH
        login = data[at : data.find(b"\n", at, end)]
        if not login:
            return LET_IN
        at = data.rfind(_MECHANISM, start, found + 1)
        if at < 0:
            at = data.find(_MECHANISM, found, end)
        mechanism = b""
        if at >= 0:
            at += _MECHANISM_LENGTH
            mechanism = data[at : data.find(b"\n", at, end)]
        verdict = self._decide(login, mechanism)
        return LET_IN if verdict else NOT_NOW if verdict is None else REFUSE
