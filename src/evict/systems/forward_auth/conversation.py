# SPDX-License-Identifier: Apache-2.0
"""The front's sub-request, sans-I/O: HTTP requests in, answers out.

As nginx's auth_request makes it (ngx_http_auth_request_module: 2xx allows; 401 and 403 refuse with
that status; anything else, no answer included, is an error and refuses), and as the other fronts
do (`fronts`). A question carries the client's own Authorization and Cookie, and the one header in
which this front says what was asked for. No other header counts, whatever it claims.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import httptools

from evict.systems.forward_auth.answers import MALFORMED, REFUSE
from evict.systems.forward_auth.judge import Asked, Judge, Meaning
from evict.systems.forward_auth.question import QuestionReader

ASK: Final = b"/auth"
RENEWED: Final = b"/renewed"
"""The front tells that the server issued a new cookie (X-Evict-Renewed) in place of the one in
Cookie: OWA does so for somebody who stays active. Without it people sign in again then."""
MAX_REQUEST: Final = 64 * 1024
"""Bytes of one request. OWA's cookies take about 2 KB, SOGo's up to 4 KB, a Kerberos token up to
48 KB (assumed)."""
MAX_HEADERS: Final = 200
_FIELDS: Final = {
    b"authorization": "authorization",
    b"cookie": "cookie",
    b"x-evict-renewed": "renewed",
}


def _never(_data: bytes, _key: bytes) -> None:
    """All questions are the parser's."""


class Conversation:
    """One connection. `receive` gives what to write; `ended` says to close after writing it."""

    __slots__ = (
        "_answers",
        "_asked",
        "_behind_prefix",
        "_between",
        "_count",
        "_decide",
        "_doubted",
        "_fields",
        "_judge",
        "_known",
        "_learn",
        "_parser",
        "_reads_accept",
        "_seen",
        "_size",
        "_url",
        "ended",
    )

    def __init__(self, judge: Judge, reader: QuestionReader | None = None) -> None:
        self._judge = judge
        self._decide = judge.decide
        self._learn = _never if reader is None else reader.learn
        self._known: dict[bytes, Meaning] = {} if reader is None else reader.known
        front = judge.front
        self._fields = dict(_FIELDS)
        if front.uri:
            self._fields[front.uri] = "uri"
        if front.uri and front.tells_itself:
            self._fields[front.method] = "method"
        self._behind_prefix = not front.uri
        self._reads_accept = front.tells_itself
        self._parser = httptools.HttpRequestParser(self)
        self._answers: list[bytes] = []
        self.ended = False
        self._between = True
        self._size = 0
        self._forget()

    def _forget(self) -> None:
        self._url = b""
        self._asked = Asked()
        self._seen: set[str] = set()
        self._doubted = False
        self._count = 0

    def receive(self, data: bytes) -> bytes:
        """Take what came; give the answers to all whole requests in it, in order."""
        if self._between:
            key = sha256(data).digest()
            meant = self._known.get(key) or self._learn(data, key)
            if meant is not None:
                return self._decide(meant)
        if self.ended:
            return b""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end()
        if self._size > MAX_REQUEST:
            self._end()
        self._between = self._between and not self.ended
        answers, self._answers = self._answers, []
        return b"".join(answers)

    def _end(self) -> None:
        if not self.ended:
            self._answers.append(MALFORMED)
            self.ended = True

    def on_message_begin(self) -> None:
        self._between = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A second copy, or one spelled with underscores, may be a client's: nobody is let in."""
        self._count += 1
        low = name.lower()
        spelled = low.replace(b"_", b"-")
        field = self._fields.get(spelled)
        if field is not None:
            if low != spelled or field in self._seen:
                self._doubted = True
            self._seen.add(field)
            setattr(self._asked, field, value.strip(b" \t"))
        elif self._reads_accept and low == b"accept":
            self._asked.accept = value

    def on_message_complete(self) -> None:
        self._between = True
        if self.ended:
            return
        self._size = 0
        renewed = self._url == RENEWED
        if not (renewed or self._is_question()) or self._count > MAX_HEADERS:
            self._end()
            return
        if self._doubted:
            self._answers.append(REFUSE)
        elif renewed:
            self._answers.append(self._judge.renew(self._asked))
        else:
            self._answers.append(self._judge.answer(self._asked))
        if not self._parser.should_keep_alive():
            self.ended = True
        self._forget()

    def _is_question(self) -> bool:
        """Envoy puts the path that was asked for behind the prefix, and keeps the method.

        Caddy and Traefik keep a client's query.
        """
        if not self._behind_prefix:
            return (self._url.partition(b"?")[0] if self._reads_accept else self._url) == ASK
        self._asked.uri = self._url.removeprefix(ASK)
        self._asked.method = self._parser.get_method()
        return self._url.startswith(ASK + b"/")
