# SPDX-License-Identifier: Apache-2.0
"""Dovecot's auth-policy protocol, sans-I/O: HTTP requests in, answers out.

Spec: Dovecot 2.3 documentation, Authentication policy support (POST with a JSON object; `status` in
the answer is -1 to refuse, 0 to let in; `command=allow` asks, `command=report` tells).
Quirk: Dovecot 2.3.19 puts two spaces before the value of auth_policy_server_api_header, shows a
`msg` that is not empty to the client as `[ALERT]`, and with a master login says the mailbox in
`login` and the master in `requested` before the authentication, the mailbox in both after it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

import httptools
import msgspec
from msgspec import Struct

from evict.core.secret import Secret

Decide = Callable[[bytes, bytes], bool | None]
"""(login name, SASL mechanism) -> may come in; None: nobody may, for now."""

MAX_REQUEST: Final = 16 * 1024
"""Bytes of one request, head and body. Dovecot's take about 400."""
REMEMBERED: Final = 64
"""Heads remembered by all connections with one key together."""
_LONGEST_HEAD: Final = 1024
"""Bytes of a head that is remembered. Dovecot's take about 250."""
_END_OF_HEAD: Final = b"\r\n\r\n"


def _answer(status: str, body: bytes = b"", *, close: bool = False) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode("ascii") + (b"Connection: close\r\n\r\n" if close else b"\r\n") + body


LET_IN: Final = _answer("200 OK", b'{"status":0,"msg":""}')
REFUSE: Final = _answer("200 OK", b'{"status":-1,"msg":""}')
NOT_NOW: Final = _answer(
    "200 OK", b'{"status":-1,"msg":"Temporarily unavailable, try again later"}'
)
NO_KEY: Final = _answer("401 Unauthorized", close=True)
WRONG_KEY: Final = _answer("403 Forbidden", close=True)
MALFORMED: Final = _answer("400 Bad Request", close=True)


class _Question(Struct, frozen=True, gc=False):
    login: str = ""
    requested: str = ""
    mech: str = ""


_decode: Final = msgspec.json.Decoder(_Question).decode


class Conversation:
    """One connection. `receive` gives what to write; `ended` says to close after writing it.

    A head is understood once. Dovecot's heads differ in the second and in the length of the body
    alone, so under load they repeat, and the same bytes between two requests mean the same again:
    that the key is right, that it asks, and how long the body is. Such a request is answered from
    its body. That does not tell the key by how long it takes: a dict compares a head with one that
    it has only after their hashes, which are seeded in secret, were the same.

    Args:
        api_key: what the X-API-Key header must carry.
        heads: head -> bytes of its body; shared by the connections with this key.
    """

    __slots__ = (
        "_answers",
        "_asked",
        "_between",
        "_body",
        "_decide",
        "_heads",
        "_key",
        "_may_ask",
        "_parser",
        "_pending",
        "_url",
        "ended",
    )

    def __init__(
        self, decide: Decide, api_key: Secret, heads: dict[bytes, int] | None = None
    ) -> None:
        self._decide = decide
        self._key = api_key.reveal().encode()
        self._parser = httptools.HttpRequestParser(self)
        self._answers: list[bytes] = []
        self._heads = {} if heads is None else heads
        self._asked: bytes | None = None
        self._between = True
        self.ended = False
        self._forget()

    def _forget(self) -> None:
        self._body = self._url = b""
        self._pending = 0
        self._may_ask: bool | None = None

    def receive(self, data: bytes) -> bytes:
        """Take what came; give the answers to all whole requests in it, in order."""
        if self.ended:
            return b""
        if not self._between:
            return self._parse(data)
        head, _, body = data.rpartition(_END_OF_HEAD)
        if self._heads.get(head) == len(body):
            return self._allow(body)
        answer = self._parse(data)
        if self._asked == body and self._between and len(head) <= _LONGEST_HEAD and not self.ended:
            self._remember(head, len(body))
        return answer

    def _remember(self, head: bytes, length: int) -> None:
        """`head` began what was parsed, and its question was all the rest, `length` bytes."""
        if len(self._heads) >= REMEMBERED:
            self._heads.clear()
        self._heads[head] = length

    def _parse(self, data: bytes) -> bytes:
        self._pending += len(data)
        self._asked = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end(MALFORMED)
        if self._pending > MAX_REQUEST:
            self._end(MALFORMED)
        answers, self._answers = self._answers, []
        if len(answers) != 1:
            self._asked = None
        return answers[0] if len(answers) == 1 else b"".join(answers)

    def _end(self, answer: bytes) -> None:
        if not self.ended:
            self._answers.append(answer)
            self.ended = True

    def on_message_begin(self) -> None:
        self._between = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 9 and name.lower() == b"x-api-key":
            self._may_ask = hmac.compare_digest(value.strip(), self._key)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._between = True
        if self.ended:
            return
        if not self._may_ask:
            self._end(NO_KEY if self._may_ask is None else WRONG_KEY)
            return
        if self._parser.get_method() != b"POST":
            self._end(MALFORMED)
        elif self._url.endswith(b"command=allow"):
            self._asked = self._body
            self._answers.append(self._allow(self._body))
        elif self._url.endswith(b"command=report"):
            self._answers.append(LET_IN)
        else:
            self._end(MALFORMED)
        if not self._parser.should_keep_alive():
            self.ended = True
        self._forget()

    def _allow(self, body: bytes) -> bytes:
        """Both names count: the mailbox, and who wants it (a master user)."""
        try:
            question = _decode(body)
            login, requested = question.login, question.requested
            mechanism = question.mech.encode()
            verdict = self._decide(login.encode(), mechanism)
            if verdict and requested not in (login, ""):
                verdict = self._decide(requested.encode(), mechanism)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            self.ended = True
            return MALFORMED
        return LET_IN if verdict else NOT_NOW if verdict is None else REFUSE
